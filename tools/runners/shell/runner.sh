#!/usr/bin/env bash
# A runner that is a shell script: curl makes the hits, grpcurl reports them. See README.md.
#
# It runs one user of one cycle, as its environment says. It numbers nothing and does not say
# `finish`: it is believed when it exits with 0, so it does that only when all was reported.
set -euo pipefail
: "${LOADGRPC_CURRENT_USER:?names no user: this runner needs --runner-mode one-user}"
hash curl grpcurl setsid
export LC_ALL=C TZ=UTC # times as JSON has them

HIT_ERRORS=([0]=UNSPECIFIED [1]=PROTOCOL [6]=DNS [7]=CONNECT [18]=CLOSED [28]=TIMEOUT [35]=TLS
  [52]=CLOSED [56]=CLOSED [60]=TLS [143]=ABORTED) # by the exit status of curl
INVALID_ARGUMENT=$((64 + 3)) UNAUTHENTICATED=$((64 + 16)) # as grpcurl exits: no use in trying again
iterations=${LOADGRPC_TOTAL_ITERATIONS:-0}        # 0: as many as fit into LOADGRPC_DURATION
case $LOADGRPC_TEST in
  http://* | https://*) url=$LOADGRPC_TEST ;;
  *) url=${LOADGRPC_SERVER_URL:?is needed for a test that is a path}
    url=${url%/}/${LOADGRPC_TEST#/} ;;
esac

now() { echo "${EPOCHREALTIME/./}"; } # in microseconds
microseconds() { printf '%.0f' "${1//[^0-9.]/}e6"; }
string() { local text=${1//\\/\\\\}; printf '"%s"' "${text//\"/\\\"}"; }
tell() { printf '%s\n' "$1" >&"$told"; }
batch() { local IFS=,; tell "{\"batch\":{\"events\":[$*]}}"; }

event() { # what happened, as a format and its arguments
  local time=$EPOCHREALTIME
  printf '{"time":"%(%FT%T)T.%sZ","status":{"users":%d,"iterations":%d,"currentUser":%d,' \
    "${time%.*}" "${time#*.}" "$LOADGRPC_TOTAL_USERS" "$iterations" "$LOADGRPC_CURRENT_USER"
  printf '"currentIteration":%d},'"$1}" "$iteration" "${@:2}"
}

connect() { # opens the source; fails when grpcurl ends, which it does when it gets an answer
  coproc REPORTER { exec setsid grpcurl -plaintext -H "authorization: Bearer $LOADGRPC_TOKEN" \
    -d @ "$LOADGRPC_ENDPOINT" loadgrpc.v1.RunnerService/PublishEvents; }
  reporter=$REPORTER_PID
  exec {told}>&"${REPORTER[1]}" {answers}<&"${REPORTER[0]}" {REPORTER[1]}>&- {REPORTER[0]}<&-
  while tell "$1" 2>/dev/null; do
    read -t 1 -ru "$answers" _ && return
  done
  return 1
}

hear() { # takes note of what was answered so far
  local line
  while read -rt 0 -u "$answers" && read -ru "$answers" line; do
    case $line in
      *'"stop":'*) stopping=yes cut_at=$(now) ;;
      *'"stopTimeout":'*) cut_at=$((cut_at + $(microseconds "$line"))) ;;
      *'"error":'* | *'"runClosed":'*) stopping=yes refused=yes ;;
    esac
    [[ ! $refused ]] || echo "$line" >&2
  done
}

iterate() {
  local began measured curl part line='' code status elapsed message failed hit outcome=
  batch "$(event '"testStart":{"test":%s}' "$test")"
  began=$(now)
  exec {measured}< <(exec curl -s -o /dev/null \
    -w '%{exitcode} %{http_code} %{time_total} %{errormsg}' "$url")
  curl=$!
  until IFS= read -t 0.1 -ru "$measured" part || (($? == 1)); do
    line+=$part # curl may be in the middle of it
    hear
    if (($(now) > end + finish || $(now) > cut_at)); then kill "$curl" || true; fi
  done
  exec {measured}<&-
  read -r code status elapsed message <<<"$line$part"
  if [[ ! $code ]]; then # curl was ended, by us or by the agent
    code=143 status=0 message='cut off' elapsed=$(($(now) - began))
    elapsed=$((elapsed / 1000000)).$(printf '%06d' $((elapsed % 1000000)))
  fi
  ((code == 0 && status < 400)) && failed=false || failed=true
  hit=$(event '"hit":{"url":%s,"method":"GET","status":%d,"elapsed":"%ss","error":"HIT_ERROR_%s",'`
    `'"errorMessage":%s,"protocol":"http","failed":%s,"attempt":1}' "$(string "$url")" "$status" \
    "$elapsed" "${HIT_ERRORS[code]:-OTHER}" "$(string "$message")" "$failed")
  if ((code == 0 && status < 400)); then
    outcome=$(event '"testSuccess":{"test":%s}' "$test")
  elif ((code == 0)); then
    outcome=$(event '"testFailure":{"test":%s,"exception":{"type":"StatusError","message":%s}}' \
      "$test" "$(string "GET $url answered $status")")
  elif ((code != 143)); then # else it was cut off, and has no outcome
    outcome=$(event '"testError":{"test":%s,"exception":{"type":"CurlError","message":%s}}' \
      "$test" "$(string "($code) $message")")
  fi
  batch "$hit" ${outcome:+"$outcome"} "$(event '"testStop":{"test":%s}' "$test")"
}

never=$((1 << 62))
stopping='' refused='' cut_at=$never
trap 'stopping=yes cut_at=0' TERM
trap '' PIPE # when grpcurl has gone, `tell` fails
printf -v open '{"source":{"runId":"%s","agentId":"%s","runnerId":"%s"},"open":{}}' \
  "$LOADGRPC_RUN_ID" "$LOADGRPC_AGENT_ID" "$LOADGRPC_RUNNER_ID"
for ((pause = 1; ; pause *= 2)); do
  connect "$open" && break
  wait "$reporter" || (($? != INVALID_ARGUMENT && $? != UNAUTHENTICATED)) || exit 1
  sleep "$pause"
done

test=$(string "$LOADGRPC_TEST")
end=$never finish=$(microseconds "$LOADGRPC_STOP_TIMEOUT")
[[ ! ${LOADGRPC_DURATION-} ]] || end=$(($(now) + $(microseconds "$LOADGRPC_DURATION")))
for ((iteration = 1; !iterations || iteration <= iterations; iteration++)); do
  hear
  if [[ $stopping ]] || (($(now) >= end)); then break; fi
  iterate
done

trap '' TERM
exec {told}>&-
wait "$reporter" # its failure is ours
hear
[[ ! $refused ]]
