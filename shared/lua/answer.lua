-- Carries out a command that changes holds and state, and answers it. One script: effect, position, reply.
-- KEYS: 1 state  2 holds  3 replies  4 answered  5 journal  6 schedule  7 scheduled  8 notifications
-- ARGV: 1 token  2 position before  3 entry of the command, or its number where it was scheduled  4 id of the command
--       5 hold to place or ''  6 hold to remove or ''  7 status to set or ''  8 event type to emit or ''
--       9 number of fields to set  10 number of fields to delete  11 number of reply items  12 number of journal items
--       13 market time for which the command is scheduled or ''  14 the command (JSON)
--       15... field, value, ... ; fields to delete; reply; journal
-- Returns 'ok', also for a call that was carried out before; 'repeated' where the id was answered before: the first
-- reply is given again and nothing else is done; 'position' where the position is elsewhere; 'ended' where the command
-- would change a session that has ended; 'fenced'. In all but 'ok' and 'repeated' nothing was changed.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return 'fenced' end
if is_done(KEYS[1], KEYS[7], ARGV[3]) then
  if is_scheduled(ARGV[3]) then unschedule(KEYS[6], KEYS[7], ARGV[3]) end -- its number must not stay in the schedule
  return 'ok'
end
if redis.call('HGET', KEYS[1], 'commands_at') ~= ARGV[2] then return 'position' end
expect({'hash', 'set', 'stream', 'hash', 'stream', 'zset', 'hash', 'stream'})
if ARGV[8] ~= '' then check_emit(KEYS[1]) end
if ARGV[13] ~= '' then number_in(KEYS[1], 'scheduled') end

local given = first_reply(KEYS[3], KEYS[4], ARGV[3], ARGV[4])
if given then
  answer(KEYS[1], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], ARGV[3], ARGV[4], given, {})
  return 'repeated'
end

local status = redis.call('HGET', KEYS[1], 'status')
local changes = ARGV[5] ~= '' or ARGV[6] ~= '' or ARGV[7] ~= '' or ARGV[9] ~= '0' or ARGV[10] ~= '0'
  or ARGV[13] ~= ''
if changes and status ~= 'running' and status ~= 'paused' then return 'ended' end

local at = 15
for _ = 1, tonumber(ARGV[9]) do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for _ = 1, tonumber(ARGV[10]) do
  redis.call('HDEL', KEYS[1], ARGV[at])
  at = at + 1
end
if ARGV[5] ~= '' then redis.call('SADD', KEYS[2], ARGV[5]) end
if ARGV[6] ~= '' then redis.call('SREM', KEYS[2], ARGV[6]) end
if ARGV[7] ~= '' then redis.call('HSET', KEYS[1], 'status', ARGV[7]) end
settle_status(KEYS[1], KEYS[2])
if ARGV[8] ~= '' then emit(KEYS[1], KEYS[8], {'type', ARGV[8]}) end
if ARGV[13] ~= '' then schedule(KEYS[1], KEYS[6], KEYS[7], ARGV[13], ARGV[14]) end
local reply, done = {}, {}
for i = 1, tonumber(ARGV[11]) do reply[i] = ARGV[at + i - 1] end
at = at + tonumber(ARGV[11])
for i = 1, tonumber(ARGV[12]) do done[i] = ARGV[at + i - 1] end
answer(KEYS[1], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], ARGV[3], ARGV[4], reply, done)
return 'ok'
