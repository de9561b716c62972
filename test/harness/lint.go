package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Codes are the stable values of status_code.
func Codes() []int64 {
	return []int64{
		0, 10001, 10002, 10004, 10005, 10006, 10009, 10013, 10014, 10015, 10016, 10017, 10018,
		40001, 40002, 50001, 50002, 50003,
	}
}

// maxID bounds every number a client sees: above it a float64 loses digits.
const maxID = 1 << 53

var integer = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

// objectKeys are the keys every object has, also when they are 0, false or "".
func objectKeys() map[string][]string {
	user := []string{
		"id", "name", "follow_count", "follower_count", "is_follow", "avatar", "background_image",
		"signature", "total_favorited", "work_count", "favorite_count",
	}
	return map[string][]string{
		"user":    user,
		"author":  user,
		"friend":  append(slices.Clone(user), "message", "msgType"),
		"video":   {"id", "author", "play_url", "cover_url", "favorite_count", "comment_count", "is_favorite", "title", "hls_url", "visibility"},
		"status":  {"state", "playable", "percent", "stage", "queue_position", "renditions", "reason", "message", "retryable"},
		"comment": {"id", "user", "content", "create_date"},
		"message": {"id", "to_user_id", "from_user_id", "content", "create_time"},
	}
}

// Lint returns what is wrong with an answer whatever was called: the envelope,
// the kinds of JSON values, the keys of objects, numbers a client can hold.
func Lint(a *Answer) []string {
	l := &linter{keys: objectKeys(), friends: strings.Contains(a.Path, "/friend/list")}
	if a.HTTP != http.StatusOK && a.HTTP != http.StatusNotFound && a.HTTP != http.StatusMethodNotAllowed && a.HTTP != http.StatusServiceUnavailable {
		l.add("HTTP status is %d", a.HTTP)
	}
	if got := a.Header.Get("Content-Type"); got != "application/json" && !strings.HasPrefix(got, "application/json;") {
		l.add("Content-Type is %q", got)
	}
	if a.Fields == nil {
		l.add("body is no JSON object")
		return l.found
	}
	if !slices.Contains(Codes(), a.Code()) {
		l.add("status_code is %v", a.Fields["status_code"])
	}
	if notFound := a.HTTP == http.StatusNotFound || a.HTTP == http.StatusMethodNotAllowed; notFound != (a.Code() == 40001) {
		l.add("HTTP status %d with status_code %d", a.HTTP, a.Code())
	}
	message, ok := a.Fields["status_msg"].(string)
	if !ok {
		l.add("status_msg is %v, not a string", a.Fields["status_msg"])
	}
	for _, internal := range []string{"rpc error", "SQLSTATE", "panic", "goroutine ", "dial tcp", "connection refused", "context deadline", ".go:"} {
		if strings.Contains(message, internal) {
			l.add("status_msg says something internal: %q", message)
		}
	}
	l.object("answer", a.Fields)
	return l.found
}

type linter struct {
	keys    map[string][]string
	friends bool // user_list holds friends
	found   []string
}

func (l *linter) add(format string, args ...any) {
	l.found = append(l.found, fmt.Sprintf(format, args...))
}

func (l *linter) object(path string, o map[string]any) {
	for key, value := range o {
		l.value(path+"."+key, key, value)
	}
}

// value checks a value by the name of its key.
func (l *linter) value(path, key string, v any) {
	switch v := v.(type) {
	case nil:
		// On failure, or after a delete, the object of an answer is null; nothing else ever is.
		if path != "answer."+key || l.keys[key] == nil {
			l.add("%s is null", path)
		}
	case json.Number:
		n, err := v.Int64()
		if !integer.MatchString(v.String()) || err != nil || n >= maxID {
			l.add("%s is %s, not an integer in [0, 2^53)", path, v)
		}
		if key == "id" && n == 0 {
			l.add("%s is 0", path)
		}
		if isText(key) || isFlag(key) {
			l.add("%s is a number", path)
		}
	case string:
		if isNumber(key) || isFlag(key) {
			l.add("%s is the string %q", path, v)
		}
		if (key == "play_url" || key == "cover_url" || key == "avatar" || key == "background_image") && !strings.HasPrefix(v, "http") {
			l.add("%s is %q, not an absolute URL", path, v)
		}
	case bool:
		if !isFlag(key) {
			l.add("%s is a bool", path)
		}
	case []any:
		l.list(path, key, v)
	case map[string]any:
		l.has(path, key, v)
		l.object(path, v)
	}
}

func (l *linter) list(path, key string, items []any) {
	name := strings.TrimSuffix(key, "_list")
	if l.friends && key == "user_list" {
		name = "friend"
	}
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if strings.HasSuffix(key, "_ids") {
			l.value(at, "id", item)
			continue
		}
		o, ok := item.(map[string]any)
		if !ok {
			l.add("%s is no object", at)
			continue
		}
		l.has(at, name, o)
		l.object(at, o)
	}
}

// has checks that an object has all keys of its kind.
func (l *linter) has(path, kind string, o map[string]any) {
	for _, key := range l.keys[kind] {
		if _, ok := o[key]; !ok {
			l.add("%s lacks %s", path, key)
		}
	}
}

func isNumber(key string) bool {
	return key == "id" || key == "count" || key == "msgType" || key == "total_favorited" || key == "status_code" ||
		strings.HasSuffix(key, "_id") || strings.HasSuffix(key, "_count") || strings.HasSuffix(key, "_time")
}

func isFlag(key string) bool {
	return strings.HasPrefix(key, "is_") || key == "result" || key == "playable" || key == "retryable"
}

func isText(key string) bool {
	switch key {
	case "name", "avatar", "background_image", "signature", "play_url", "cover_url", "hls_url", "visibility", "title", "content", "create_date",
		"message", "token", "status_msg", "next_page_token":
		return true
	}
	return false
}
