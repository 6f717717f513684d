#!/usr/bin/env bash
# A runner that is a shell script: curl makes the hits, grpcurl reports them. See README.md.
#
# It lives one user of one cycle, as its environment says. It numbers nothing and does not say
# `finish`: it is believed when it exits with 0, so it does that only when all was reported.
set -euo pipefail
: "${LOADGRPC_CURRENT_USER:?names no user: this runner needs --runner-mode one-user}"
export LC_ALL=C TZ=UTC # times as JSON has them

HIT_ERRORS=([0]=UNSPECIFIED [1]=PROTOCOL [6]=DNS [7]=CONNECT [18]=CLOSED [28]=TIMEOUT [35]=TLS
  [52]=CLOSED [56]=CLOSED [60]=TLS [143]=ABORTED) # by the exit status of curl
ITERATIONS=${LOADGRPC_TOTAL_ITERATIONS:-0} # 0: as many as fit into LOADGRPC_DURATION

now() { echo "${EPOCHREALTIME/./}"; } # in microseconds
string() { local text=${1//\\/\\\\}; printf '"%s"' "${text//\"/\\\"}"; }
tell() { printf "$1\n" "${@:2}" >&"$told"; }
batch() { local IFS=,; tell '{"batch":{"events":[%s]}}' "$*"; }

event() { # an event: what happened, as a format and its arguments
  local time=$EPOCHREALTIME
  printf '{"time":"%(%FT%T)T.%sZ","status":{"users":%d,"iterations":%d,"currentUser":%d,' \
    "${time%.*}" "${time#*.}" "$LOADGRPC_TOTAL_USERS" "$ITERATIONS" "$LOADGRPC_CURRENT_USER"
  printf '"currentIteration":%d},'"$1}" "$iteration" "${@:2}"
}

hear() { # one line of what is answered
  case $1 in
    *'"stop":'*) stopping=yes ;;
    *'"error":'* | *'"rejected":'* | *'"runClosed":'*)
      exec {told}>&-
      { echo "$1"; cat <&"$answers"; } >&2
      exit 1 ;;
  esac
}

iterate() {
  local began measured code=0 status elapsed sent message hit outcome=
  batch "$(event '"testStart":{"test":%s}' "$test")"
  began=$(now)
  measured=$(curl -s -o /dev/null -w '%{http_code} %{time_total} %{size_request} %{errormsg}' \
    "$url") || code=$?
  read -r status elapsed sent message <<<"$measured" # nothing, if curl was ended
  [[ $elapsed ]] || elapsed=$(printf '%09d' $(($(now) - began)) | sed 's/......$/.&/')
  hit=$(event '"hit":{"name":%s,"url":%s,"method":"GET","status":%d,"elapsed":"%ss","bytesSent":%d'`
    `',"error":"HIT_ERROR_%s","errorMessage":%s}' "$(string "${url%%[?#]*}")" "$(string "$url")" \
    "${status:-0}" "$elapsed" "${sent:-0}" "${HIT_ERRORS[code]:-OTHER}" "$(string "$message")")
  if ((code == 0 && status < 400)); then
    outcome=$(event '"testSuccess":{"test":%s}' "$test")
  elif ((code == 0)); then
    outcome=$(event '"testFailure":{"test":%s,"exception":{"type":"StatusError","message":%s}}' \
      "$test" "$(string "GET $url answered $status")")
  elif ((code != 143)); then # else the iteration was cut off and has no outcome
    outcome=$(event '"testError":{"test":%s,"exception":{"type":"CurlError","message":%s}}' \
      "$test" "$(string "($code) $message")")
  fi
  batch "$hit" ${outcome:+"$outcome"} "$(event '"testStop":{"test":%s}' "$test")"
}

# In a session of its own: the SIGTERM that ends the load must not end the report of it.
coproc REPORTER { exec setsid grpcurl -plaintext -H "authorization: Bearer $LOADGRPC_TOKEN" \
  -d @ "$LOADGRPC_ENDPOINT" loadgrpc.v1.RunnerService/PublishEvents; }
reporter=$REPORTER_PID
exec {told}>&"${REPORTER[1]}" {answers}<&"${REPORTER[0]}" {REPORTER[1]}>&- {REPORTER[0]}<&-
stopping=
trap 'stopping=yes' TERM
trap '' PIPE # when grpcurl has gone, `tell` fails

tell '{"source":{"runId":"%s","agentId":"%s","runnerId":"%s"},"open":{}}' \
  "$LOADGRPC_RUN_ID" "$LOADGRPC_AGENT_ID" "$LOADGRPC_RUNNER_ID"
read -ru "$answers" _ # the first line of `opened`; if grpcurl ends without, it has said why

case $LOADGRPC_TEST in
  http://* | https://*) url=$LOADGRPC_TEST ;;
  *) url=${LOADGRPC_SERVER_URL%/}/${LOADGRPC_TEST#/} ;;
esac
test=$(string "$LOADGRPC_TEST")
end=$(($(now) + ${LOADGRPC_DURATION:-0} * 1000000))
for ((iteration = 1; !ITERATIONS || iteration <= ITERATIONS; iteration++)); do
  while read -rt 0 -u "$answers" && read -ru "$answers" line; do hear "$line"; done
  if [[ $stopping ]] || ((!ITERATIONS && $(now) >= end)); then break; fi
  iterate
done

trap '' TERM
exec {told}>&-
while read -ru "$answers" line; do hear "$line"; done
wait "$reporter" # its status is ours
