package contract_test

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/test/harness"
)

// everyRoute runs a check for each path as a subtest. One that acts has a
// caller of its own, because limits count per user and action; readers share one.
func everyRoute(t *testing.T, check func(t *testing.T, r route, caller *person)) {
	t.Helper()
	reader := theStage(t).reader
	for _, r := range routes(t) {
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			caller := reader
			if r.method == post && r.access == required {
				caller = newPerson(t)
			}
			check(t, r, caller)
		})
	}
}

// again is the route with fresh unique names, and a caller whose session lives.
func again(t *testing.T, r route, caller *person) route {
	t.Helper()
	if r.ends {
		caller.enter(t, "/douyin/user/login/")
	}
	if r.path == "/douyin/user/register" {
		r.params = with(r.params, "username", harness.Name("r"))
	}
	return r
}

// Rule 1.
func TestPathWorksWithAndWithoutTrailingSlash(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, r route, caller *person) {
		for _, slash := range []string{"", "/"} {
			r = again(t, r, caller)
			call := r.call(t, inQuery, r.params...)
			call.Path = r.path + slash
			accepted(t, caller.do(t, call))
		}
	})
}

// Rule 2.
func TestParametersComeInQueryFormMultipartOrJSON(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, r route, caller *person) {
		if r.upload {
			t.Skip("a file comes in a multipart body only")
		}
		r = again(t, r, caller)
		want := accepted(t, caller.do(t, r.call(t, inQuery, r.params...)))
		for _, where := range places() {
			r = again(t, r, caller)
			got := accepted(t, caller.do(t, r.call(t, where, r.params...)))
			if r.method == get {
				sameAnswer(t, string(where), got, want)
			}
			if r.spoil[0] == "" {
				continue
			}
			r = again(t, r, caller)
			if spoiled := caller.do(t, r.call(t, where, with(r.params, r.spoil[0], r.spoil[1])...)); spoiled.Code() == 0 {
				t.Errorf("%s in %s is not looked at: %s", r.spoil[0], where, spoiled)
			}
		}
	})
}

// sameAnswer compares answers but for the time of an empty feed page.
func sameAnswer(t *testing.T, name string, got, want *harness.Answer) {
	t.Helper()
	ignoreTime := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == `["next_time"]` }, cmp.Ignore())
	if diff := cmp.Diff(want.Fields, got.Fields, ignoreTime); diff != "" {
		t.Errorf("%s: another answer (-want +got):\n%s", name, diff)
	}
}

// Rule 2.
func TestJSONIntegersMayBeNumbersOrStrings(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	for _, value := range []any{s.author.id, float64(s.author.id), text(s.author.id)} {
		var answer struct{ User harness.User }
		decode(t, s.reader.do(t, harness.Call{Path: "/douyin/user/", JSON: map[string]any{"user_id": value}}), &answer)
		if answer.User.ID != s.author.id {
			t.Errorf("%T %v: got user %d", value, value, answer.User.ID)
		}
	}
}

// Rule 2.
func TestBrokenJSONBodyIsABadParameter(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	header := http.Header{"Content-Type": {"application/json"}}
	for _, body := range []string{"{", `{"user_id":`, `["user_id"]`, `"user_id"`, "user_id=1", `{"user_id":{"a":1}}`} {
		refused(t, s.reader.do(t, harness.Call{Path: "/douyin/user/", Header: header, Raw: []byte(body)}), 40002)
	}
}

// Rule 2.
func TestRepeatedParameterFirstNonEmptyWins(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	author, reader := text(s.author.id), text(s.reader.id)
	body := func(value string) []harness.Part {
		return []harness.Part{{Name: "user_id", Content: []byte(value)}}
	}
	query := func(values ...string) map[string][]string { return map[string][]string{"user_id": values} }
	for name, call := range map[string]harness.Call{
		"TwiceInTheQuery":          {Query: query(author, reader)},
		"EmptyFirst":               {Query: query("", author, reader)},
		"TwiceInTheForm":           {Form: query(author, reader)},
		"EmptyFirstInTheForm":      {Form: query("", author)},
		"TwiceInAMultipart":        {Parts: append(body(author), body(reader)...)},
		"EmptyFirstInAMultipart":   {Parts: append(body(""), body(author)...)},
		"QueryBeforeForm":          {Query: query(author), Form: query(reader)},
		"QueryBeforeMultipart":     {Query: query(author), Parts: body(reader)},
		"QueryBeforeJSON":          {Query: query(author), JSON: map[string]any{"user_id": s.reader.id}},
		"FormAfterEmptyQuery":      {Query: query(""), Form: query(author)},
		"MultipartAfterEmptyQuery": {Query: query(""), Parts: body(author)},
		"JSONAfterEmptyQuery":      {Query: query(""), JSON: map[string]any{"user_id": s.author.id}},
		"GarbageThatLoses":         {Query: query(author, "garbage")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call.Path = "/douyin/user/"
			var answer struct{ User harness.User }
			decode(t, s.reader.do(t, call), &answer)
			if answer.User.ID != s.author.id {
				t.Errorf("got user %d, want %d", answer.User.ID, s.author.id)
			}
		})
	}
}

// Rule 2.
func TestUnknownParametersAreIgnored(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, r route, caller *person) {
		for _, where := range places() {
			r = again(t, r, caller)
			params := append(slices.Clone(r.params), word("no_such_parameter", "1"), word("user.id", "2"), word("_", ""), word("数", "3"))
			accepted(t, caller.do(t, r.call(t, where, params...)))
		}
	})
}

// Rule 2.
func TestClientSentActorIsNeverTrusted(t *testing.T) {
	t.Parallel()
	all := people(t, 3)
	actor, claimed, friend := all[0], all[1], all[2]
	video := friend.publish(t)
	as := text(claimed.id)
	actor.mustPost(t, "/douyin/favorite/action/", "video_id", text(video.ID), "action_type", "1", "user_id", as)
	actor.mustPost(t, "/douyin/comment/action/", "video_id", text(video.ID), "action_type", "1", "comment_text", "mine", "user_id", as)
	actor.mustPost(t, "/douyin/relation/action/", "to_user_id", text(friend.id), "action_type", "1", "user_id", as, "from_user_id", as)
	actor.mustPost(t, "/douyin/message/action/", "to_user_id", text(friend.id), "action_type", "1", "content", "mine", "user_id", as, "from_user_id", as)

	if got := claimed.liked(t); len(got) != 0 {
		t.Errorf("the claimed user likes %v", videoIDs(got))
	}
	if got := friend.comments(t, video.ID); len(got) != 1 || got[0].User.ID != actor.id {
		t.Errorf("the comment is not the actor's: %+v", got)
	}
	if got := userIDs(users(t, friend.mustGet(t, "/douyin/relation/follower/list/"))); !slices.Equal(got, []int64{actor.id}) {
		t.Errorf("followers are %v, want the actor %d", got, actor.id)
	}
	if got := friend.chat(t, actor.id); len(got) != 1 || got[0].FromUserID != actor.id {
		t.Errorf("the message is not the actor's: %+v", got)
	}
	if got := friend.chat(t, claimed.id); len(got) != 0 {
		t.Errorf("the claimed user wrote %+v", got)
	}
}

// Rules 3 and 7. Lint looks at every number of every answer; this one looks at the bytes.
func TestIntegersAreNumbers(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	answer := s.reader.mustGet(t, "/douyin/publish/list/", "user_id", text(s.author.id))
	for _, want := range []string{
		fmt.Sprintf(`"id":%d`, s.video.ID), fmt.Sprintf(`"id":%d`, s.author.id),
		`"status_code":0`, `"favorite_count":1`, `"comment_count":1`, `"total_favorited":1`,
	} {
		if !bytes.Contains(bytes.ReplaceAll(answer.Body, []byte(" "), nil), []byte(want)) {
			t.Errorf("no %s in %s", want, answer.Body)
		}
	}
}

// Rule 4.
func TestIDsSurviveAFloat64(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	for _, id := range []int64{s.author.id, s.video.ID, s.comment.ID, s.author.chat(t, s.reader.id)[0].ID} {
		if id <= 0 || id >= 1<<53 || int64(float64(id)) != id {
			t.Errorf("id %d is not in (0, 2^53)", id)
		}
	}
}

// Rule 4.
func TestIntegralFloatNotationIsAccepted(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, r route, caller *person) {
		for i, p := range r.params {
			if !p.integer {
				continue
			}
			value, err := strconv.ParseFloat(p.value, 64)
			if err != nil {
				t.Fatal(err)
			}
			for _, notation := range []string{strconv.FormatFloat(value, 'e', -1, 64), p.value + ".0", p.value + ".000"} {
				params := slices.Clone(r.params)
				params[i].value = notation
				for _, where := range []place{inQuery, inForm} {
					accepted(t, caller.do(t, r.call(t, where, params...)))
				}
			}
		}
	})
}

// Rule 4.
func TestOtherNotationsAreRefusedByName(t *testing.T) {
	t.Parallel()
	garbage := []string{
		"abc", "1.5", "1e400", "1e-3", "0x10", "-1", "+1", "1_000", "１", "NaN", "Infinity",
		"99999999999999999999999", "1 2", "1,5", "null", "true", "[1]",
	}
	everyRoute(t, func(t *testing.T, r route, caller *person) {
		if r.path == "/douyin/feed" {
			t.Skip("a feed takes any latest_time: see TestFeedWithoutAUsableTimeStartsNow")
		}
		for _, p := range r.params {
			if !p.integer {
				continue
			}
			if r.method == post {
				caller = newPerson(t) // as many refusals as an action's burst allows
			}
			for _, value := range garbage {
				answer := caller.do(t, r.call(t, inQuery, with(r.params, p.name, value)...))
				refused(t, answer, 40002)
				if !strings.Contains(answer.Message(), p.name) {
					t.Errorf("%s=%s: the message does not name it: %s", p.name, value, answer)
				}
			}
		}
	})
}

// Rule 4.
func TestIDsAboveTheRangeNameNothing(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	for _, value := range []int64{1 << 53, math.MaxInt64} {
		refused(t, s.reader.get(t, "/douyin/user/", "user_id", text(value)), 10013, 40002)
		refused(t, s.reader.get(t, "/douyin/comment/list/", "video_id", text(value)), 10016, 40002)
	}
}

// Rule 5.
func TestEmptyParameterIsAbsent(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	for _, c := range []struct {
		path     string
		empty    string
		required []string
	}{
		{path: "/douyin/user", empty: "user_id"},
		{path: "/douyin/publish/list", empty: "user_id"},
		{path: "/douyin/publish/list", empty: "page_size"},
		{path: "/douyin/publish/list", empty: "page_token"},
		{path: "/douyin/favorite/list", empty: "user_id"},
		{path: "/douyin/relation/follow/list", empty: "user_id"},
		{path: "/douyin/relation/follower/list", empty: "user_id"},
		{path: "/douyin/relation/friend/list", empty: "user_id"},
		{path: "/douyin/relation/follow/count", empty: "user_id"},
		{path: "/douyin/comment/list", empty: "page_size", required: []string{"video_id", text(s.video.ID)}},
		{path: "/douyin/message/chat", empty: "pre_msg_time", required: []string{"to_user_id", text(s.author.id)}},
	} {
		want := s.reader.mustGet(t, c.path, c.required...)
		got := s.reader.mustGet(t, c.path, append(slices.Clone(c.required), c.empty, "")...)
		sameAnswer(t, c.path+" with an empty "+c.empty, got, want)
	}
}

// Rule 5.
func TestRequiredParameterIsMissedByName(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, r route, caller *person) {
		for _, p := range r.params {
			if needed := r.method == post && p.name != "signature" && p.name != "title" ||
				p.name == "video_id" || p.name == "to_user_id"; !needed {
				continue
			}
			for _, absent := range [][]param{slices.DeleteFunc(slices.Clone(r.params), func(q param) bool { return q == p }), with(r.params, p.name, "")} {
				answer := caller.do(t, r.call(t, inForm, absent...))
				refused(t, answer, 40002)
				if name := strings.TrimPrefix(p.name, "old_"); !strings.Contains(answer.Message(), name) {
					t.Errorf("the message does not name %s: %s", p.name, answer)
				}
			}
		}
	})
}

// Rule 6.
func TestUnknownPathIs404InJSON(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/douyin", "/douyin/", "/douyin/nothing", "/douyin/feed/nothing/", "/douyin/user/1", "/douyin/publish",
		"/douyin/favorite/action/1", "/douyin/relation/action/2/", "/douyin//feed/x", "/douyin/..%2fuser",
	} {
		for _, method := range []string{get, post} {
			answer := anonymous().do(t, harness.Call{Method: method, Path: path})
			if answer.HTTP != http.StatusNotFound || answer.Code() != 40001 {
				t.Errorf("%s: want HTTP 404 and 40001: %s", method, answer)
			}
		}
	}
}

// Rule 6.
func TestWrongMethodIs405InJSON(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, r route, caller *person) {
		wrong := []string{http.MethodPut, http.MethodDelete, http.MethodPatch}
		if r.method == post {
			wrong = append(wrong, get)
		}
		for _, method := range wrong {
			call := r.call(t, inQuery, r.params...)
			call.Method, call.Parts = method, nil
			answer := caller.do(t, call)
			if answer.HTTP != http.StatusMethodNotAllowed || answer.Code() != 40001 {
				t.Errorf("%s: want HTTP 405 and 40001: %s", method, answer)
			}
		}
	})
}

// Rule 6.
func TestMethodCannotBeOverridden(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	answer := s.reader.do(t, harness.Call{
		Path: "/douyin/user/logout/", Query: harness.Values("_method", "POST"),
		Header: http.Header{"X-Http-Method-Override": {"POST"}},
	})
	if answer.HTTP != http.StatusMethodNotAllowed {
		t.Errorf("want HTTP 405: %s", answer)
	}
}

// Rule 6. Lint checks that they are JSON with HTTP 200 and say nothing internal.
func TestFailuresAreHTTP200(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, r route, caller *person) {
		if r.spoil[0] == "" {
			t.Skip("nothing makes this path fail")
		}
		answer := caller.do(t, r.call(t, inQuery, with(r.params, r.spoil[0], r.spoil[1])...))
		if answer.HTTP != http.StatusOK || answer.Code() == 0 || answer.Message() == "" {
			t.Errorf("want HTTP 200, a code and a message: %s", answer)
		}
	})
}

// Rule 6. Many at once, because a limit lets a steady rate through.
func TestLimitedCallerIsToldWhenToRetry(t *testing.T) {
	t.Parallel()
	s, p := theStage(t), newPerson(t)
	const atLeast, most, atOnce = 20, 1200, 24
	var sent, done atomic.Int64
	refusals := make(chan *harness.Answer, atOnce)
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for sent.Add(1) <= most && len(refusals) == 0 {
				answer := p.post(t, "/douyin/favorite/action/", "video_id", text(s.video.ID), "action_type", "2")
				if answer.Code() != 0 {
					refusals <- answer
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	if len(refusals) == 0 {
		t.Fatalf("%d actions in a row were not limited", most)
	}
	if done.Load() < atLeast {
		t.Errorf("limited after %d actions, want a burst of at least %d", done.Load(), atLeast)
	}
	for range len(refusals) {
		answer := <-refusals
		refused(t, answer, 10009)
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || seconds < 1 {
			t.Errorf("Retry-After is %q", answer.Header.Get("Retry-After"))
		}
	}
}

// Rule 10.
func TestFailedAnswersKeepTheirKeys(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, r route, caller *person) {
		if r.spoil[0] != "" {
			zeroKeys(t, r, caller.do(t, r.call(t, inQuery, with(r.params, r.spoil[0], r.spoil[1])...)))
		}
		if r.access == required {
			zeroKeys(t, r, anonymous().do(t, r.call(t, inQuery, r.params...)))
		}
	})
}

// zeroKeys checks that a failed answer has its keys with their zero values.
func zeroKeys(t *testing.T, r route, a *harness.Answer) {
	t.Helper()
	if a.Code() == 0 {
		t.Errorf("did not fail: %s", a)
	}
	for key, want := range r.zero {
		value, ok := a.Fields[key]
		if !ok {
			t.Errorf("%s is absent: %s", key, a)
			continue
		}
		got := fmt.Sprintf("%#v", value)
		switch v := value.(type) {
		case nil:
			got = "null"
		case []any:
			got = fmt.Sprint(v)
		case bool:
			got = strconv.FormatBool(v)
		case fmt.Stringer:
			got = v.String()
		}
		if got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
}

// Rule 10.
func TestListsAreNeverNull(t *testing.T) {
	t.Parallel()
	p, s := newPerson(t), theStage(t)
	quiet := newPerson(t).publish(t)
	for _, c := range []struct {
		path, key string
		params    []string
	}{
		{path: "/douyin/feed/", key: "video_list", params: []string{"latest_time", "1000000000"}},
		{path: "/douyin/feed/following/", key: "video_list"},
		{path: "/douyin/publish/list/", key: "video_list"},
		{path: "/douyin/favorite/list/", key: "video_list"},
		{path: "/douyin/comment/list/", key: "comment_list", params: []string{"video_id", text(quiet.ID)}},
		{path: "/douyin/relation/follow/list/", key: "user_list"},
		{path: "/douyin/relation/follower/list/", key: "user_list"},
		{path: "/douyin/relation/friend/list/", key: "user_list"},
		{path: "/douyin/message/chat/", key: "message_list", params: []string{"to_user_id", text(s.author.id)}},
	} {
		if got := ids(t, p.mustGet(t, c.path, c.params...), c.key); len(got) != 0 {
			t.Errorf("%s: a new user has %v", c.path, got)
		}
	}
}

// Rule 11.
func TestGetRoutesAnswerPost(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, r route, caller *person) {
		if r.method != get {
			t.Skip("a POST route")
		}
		want := accepted(t, caller.do(t, r.call(t, inQuery, r.params...)))
		call := r.call(t, inQuery, r.params...)
		call.Method = post
		sameAnswer(t, "POST", accepted(t, caller.do(t, call)), want)
	})
}

// 64 parameters, and a body of 1 MiB.
func TestOversizedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	for n, codes := range map[int][]int64{63: {0}, 64: {0}, 65: {40002}} {
		query := harness.Values("token", s.reader.token)
		for i := len(query); i < n; i++ {
			query.Set("p"+strconv.Itoa(i), "1")
		}
		answer := anonymous().do(t, harness.Call{Path: "/douyin/user/", Query: query})
		if !slices.Contains(codes, answer.Code()) {
			t.Errorf("%d parameters: want %v: %s", n, codes, answer)
		}
	}
	long := strings.Repeat("x", 1<<20)
	refused(t, s.reader.post(t, "/douyin/message/action/", "to_user_id", text(s.author.id), "action_type", "1", "content", long), 40002, 10014)
}
