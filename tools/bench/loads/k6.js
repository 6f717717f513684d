// What k6 runs in the plain cases.
import http from 'k6/http';
import { check } from 'k6';

const body = JSON.stringify({ name: 'kettle', amount: 3 });
const json = { headers: { 'Content-Type': 'application/json' } };

export const options = { insecureSkipTLSVerify: true };

export default function () {
  const res =
    __ENV.BENCH_METHOD === 'POST'
      ? http.post(__ENV.BENCH_URL, body, json)
      : http.get(__ENV.BENCH_URL);
  check(res, { 'status is 200': (r) => r.status === 200 });
}

export function handleSummary(data) {
  const checks = data.metrics.checks || { values: { passes: 0, fails: 0 } };
  const told = { requests: data.metrics.http_reqs.values.count, failed: checks.values.fails };
  return { stdout: 'BENCH ' + JSON.stringify(told) + '\n' };
}
