-- wrk's totals in one line that a program can read.
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("totals %d %d %d %d %d %d %d %d\n", summary.requests, summary.duration,
    e.connect, e.read, e.write, e.timeout, latency:percentile(50), latency:percentile(99)))
  io.write(string.format("not2xx %d\n", e.status))
end
