-- Takes a member out of the schedule that is no number of a command, and counts it.
-- KEYS: 1 state  2 schedule
-- ARGV: 1 token  2 the member
-- Returns 'ok', also where it is gone already, or 'fenced'.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return 'fenced' end
number_in(KEYS[1], 'skipped')
skip(KEYS[1], redis.call('ZREM', KEYS[2], ARGV[2]))
return 'ok'
