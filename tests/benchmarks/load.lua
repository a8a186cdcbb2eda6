-- What did one run of wrk see? One line of JSON at its end. wrk calls `done` once, so this costs no request anything.

done = function(summary, latency, requests)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write
  local line = '{"requests":%d,"seconds":%.6f,"refused":%d,"late":%d,"broken":%d,"p50":%.3f,"p99":%.3f,"max":%.3f}'
  io.write(string.format("\nRESULT " .. line .. "\n", summary.requests, summary.duration / 1e6,
    errors.status, errors.timeout, broken,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3)) -- milliseconds
end
