-- What wrk sends when a case posts.
wrk.method = "POST"
wrk.body = '{"name":"kettle","amount":3}'
wrk.headers["Content-Type"] = "application/json"
