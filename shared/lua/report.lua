-- Tells the coordinator about a job: that it lives, or that it failed.
-- KEYS: 1 operation  2 reports
-- ARGV: 1 job  2 attempt  3 lifetime, ms  4 report ('alive' or 'failed')  5 error or ''
-- Returns 1, or 0 where the attempt is no longer the current one.
if redis.call('HGET', KEYS[1], 'attempt:' .. ARGV[1]) ~= ARGV[2] then return 0 end
expect({'hash', 'stream'})
add(KEYS[2], {'job', ARGV[1], 'attempt', ARGV[2], 'report', ARGV[4], 'error', ARGV[5]})
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
