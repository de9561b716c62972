package feed

import "github.com/redis/rueidis"

// The scripts that change a timeline. KEYS[1] is the timeline and KEYS[2],
// where there is one, the note of unfollowed authors. Each is atomic; together
// they keep what doc.go says.
type scripts struct {
	begin, finish, read, push, mark, remove, changed *rueidis.Lua
	// These two are about pulledKey.
	beginMarking, endMarking *rueidis.Lua
}

func newScripts() scripts {
	return scripts{
		begin: rueidis.NewLuaScript(beginLua), finish: rueidis.NewLuaScript(finishLua),
		read: rueidis.NewLuaScript(readLua), push: rueidis.NewLuaScript(pushLua),
		mark: rueidis.NewLuaScript(markLua), remove: rueidis.NewLuaScript(removeLua),
		changed:      rueidis.NewLuaScript(changedLua),
		beginMarking: rueidis.NewLuaScript(beginMarkingLua), endMarking: rueidis.NewLuaScript(endMarkingLua),
	}
}

// What is no video has a score below 1, so ranges of videos begin at 1.

// beginLua starts a rebuild unless there is a timeline. ARGV: token, lifetime of the token in ms.
const beginLua = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('ZADD', KEYS[1], -3, '~' .. ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`

// trimLua keeps the newest videos. It expects cap.
const trimLua = `
local extra = redis.call('ZCOUNT', KEYS[1], 1, '+inf') - cap
if extra > 0 then
  local all = redis.call('ZCARD', KEYS[1])
  redis.call('ZREMRANGEBYRANK', KEYS[1], all - cap - extra, all - cap - 1)
end`

// finishLua ends a rebuild whose token is still there; the others are
// discarded. So is a full one that read a video deleted meanwhile: an older one
// now belongs in it. ARGV: token, cap, lifetime in ms, then score and member of each entry.
const finishLua = `
if not redis.call('ZSCORE', KEYS[1], '~' .. ARGV[1]) then return 0 end
redis.call('ZREM', KEYS[1], '~' .. ARGV[1])
redis.call('ZADD', KEYS[1], 0, '.')
local cap = tonumber(ARGV[2])
local videos, deleted = 0, 0
for i = 4, #ARGV, 2 do
  if tonumber(ARGV[i]) >= 1 then videos = videos + 1 end
  if redis.call('ZSCORE', KEYS[1], '-' .. ARGV[i+1]) then
    deleted = deleted + 1
  else
    redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i+1])
  end
end
if deleted > 0 and videos >= cap then
  redis.call('DEL', KEYS[1])
  return 0
end
` + trimLua + `
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`

// readLua answers false for a timeline that is not complete, otherwise its
// pulled authors and the newest videos from a time down, with their scores.
// Those that share the time come on top of the limit. ARGV: time or +inf, limit.
const readLua = `
if not redis.call('ZSCORE', KEYS[1], '.') then return false end
local limit = tonumber(ARGV[2])
if ARGV[1] ~= '+inf' then limit = limit + redis.call('ZCOUNT', KEYS[1], ARGV[1], ARGV[1]) end
return {
  redis.call('ZRANGEBYSCORE', KEYS[1], -2, -2),
  redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[1], 1, 'WITHSCORES', 'LIMIT', 0, limit)
}`

// stillLua answers -1 when the list of followers was read too long ago to be
// sure that an unfollow since then is still noted, and 0 when there is no
// timeline or the author was unfollowed. ARGV: author, when the list was read
// and its lifetime, both in ms.
const stillLua = `
local now = redis.call('TIME')
if now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[2] > tonumber(ARGV[3]) then return -1 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 0 end`

// pushLua adds a video. ARGV: those of stillLua, then score, member, cap.
const pushLua = stillLua + `
if redis.call('ZSCORE', KEYS[1], '-' .. ARGV[5]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[5])
local cap = tonumber(ARGV[6])
` + trimLua + `
return 1`

// markLua marks an author whose videos are to be pulled. ARGV: those of stillLua.
const markLua = stillLua + `
redis.call('ZADD', KEYS[1], -2, '@' .. ARGV[1])
return 1`

// removeLua removes a video and remembers that it is gone. A list at its cap
// may have had to drop an older video that now belongs in it, so the list is
// deleted, to be rebuilt. ARGV: member, cap.
const removeLua = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local count = redis.call('ZCOUNT', KEYS[1], 1, '+inf')
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 and count >= tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[1])
  return 1
end
redis.call('ZADD', KEYS[1], -1, '-' .. ARGV[1])
return 1`

// changedLua discards a timeline whose reader follows others now, and notes an
// unfollow. ARGV: author, 1 when followed, lifetime of the note in ms.
const changedLua = `
redis.call('DEL', KEYS[1])
if ARGV[2] == '1' then
  redis.call('SREM', KEYS[2], ARGV[1])
else
  redis.call('SADD', KEYS[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
return 1`
