package contract_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/test/harness"
)

// repeatable is a change of the public API, with what takes it back.
type repeatable struct {
	path   string
	params []string
	// undo takes the change back without a key; nil for one that cannot be.
	undo func(t *testing.T)
	// done reports whether the change is in effect.
	done func(t *testing.T) bool
	// other is a parameter with another value.
	other [2]string
}

// changes are all changes but uploads, by their RPC. The person is only theirs.
func changes(t *testing.T, p *person) map[string]repeatable {
	t.Helper()
	target := newPerson(t)
	video := target.publish(t).ID
	doomed, own := p.publish(t).ID, p.publish(t).ID
	stays := p.comment(t, video, "stays").ID
	gone := p.comment(t, video, "goes").ID
	post := func(path string, pairs ...string) func(*testing.T) {
		return func(t *testing.T) { p.mustPost(t, path, pairs...) }
	}
	likes := func(t *testing.T) bool { return slices.Contains(videoIDs(p.liked(t)), video) }
	follows := func(t *testing.T) bool {
		return slices.Contains(ids(t, p.mustGet(t, "/douyin/relation/follow/list/", "user_id", text(p.id)), "user_list"), target.id)
	}
	commented := func(id int64) func(*testing.T) bool {
		return func(t *testing.T) bool {
			return slices.ContainsFunc(p.comments(t, video), func(c harness.Comment) bool { return c.ID == id })
		}
	}
	signature := func(t *testing.T) bool { return p.user(t, p.id).Signature == "keyed" }
	like, follow := "/douyin/favorite/action/", "/douyin/relation/action/"
	id, whom := text(video), text(target.id)
	return map[string]repeatable{
		"LikeVideo": {
			path: like, params: []string{"video_id", id, "action_type", "1"}, done: likes, other: [2]string{"video_id", text(doomed)},
			undo: post(like, "video_id", id, "action_type", "2"),
		},
		"UnlikeVideo": {
			path: like, params: []string{"video_id", id, "action_type", "2"}, other: [2]string{"video_id", text(doomed)},
			done: func(t *testing.T) bool { return !likes(t) }, undo: post(like, "video_id", id, "action_type", "1"),
		},
		"Follow": {
			path: follow, params: []string{"to_user_id", whom, "action_type", "1"}, done: follows, other: [2]string{"action_type", "2"},
			undo: post(follow, "to_user_id", whom, "action_type", "2"),
		},
		"Unfollow": {
			path: follow, params: []string{"to_user_id", whom, "action_type", "2"}, other: [2]string{"action_type", "1"},
			done: func(t *testing.T) bool { return !follows(t) }, undo: post(follow, "to_user_id", whom, "action_type", "1"),
		},
		"DeleteComment": {
			path: "/douyin/comment/action/", params: []string{"video_id", id, "action_type", "2", "comment_id", text(gone)},
			done: func(t *testing.T) bool { return !commented(gone)(t) }, other: [2]string{"comment_id", text(stays)},
		},
		"DeleteVideo": {
			path: "/douyin/publish/delete/", params: []string{"video_id", text(doomed)}, other: [2]string{"video_id", id},
			done: func(t *testing.T) bool { return !slices.Contains(videoIDs(p.published(t)), doomed) },
		},
		"ReportViews": {
			path: viewPath, params: []string{"views", oneView(video)}, other: [2]string{"views", oneView(own)},
			done: func(t *testing.T) bool {
				harness.Eventually(t, harness.CatchUp, func() error {
					if viewCount(t, video) == 0 {
						return errors.New("not counted yet")
					}
					return nil
				})
				return true
			},
		},
		"UpdateVideo": {
			path: "/douyin/publish/edit/", params: []string{"video_id", text(own), "title", "keyed"}, other: [2]string{"title", "else"},
			done: func(t *testing.T) bool {
				return slices.ContainsFunc(p.published(t), func(v harness.Video) bool { return v.ID == own && v.Title == "keyed" })
			},
			undo: post("/douyin/publish/edit/", "video_id", text(own), "title", "back"),
		},
		"UpdateProfile": {
			path: "/douyin/user/profile/", params: []string{"signature", "keyed"}, done: signature, other: [2]string{"signature", "else"},
			undo: post("/douyin/user/profile/", "signature", "back"),
		},
	}
}

// keyPlaces are the places an idempotency key may come from.
func keyPlaces(path, key string, params url.Values) map[string]harness.Call {
	with := func() url.Values {
		all := maps.Clone(params)
		all.Set("idempotency_key", key)
		return all
	}
	object, parts := map[string]any{}, []harness.Part(nil)
	for name, values := range with() {
		object[name] = values[0]
		parts = append(parts, harness.Part{Name: name, Content: []byte(values[0])})
	}
	return map[string]harness.Call{
		"query": {Method: http.MethodPost, Path: path, Query: with()}, "form": {Path: path, Form: with()},
		"multipart": {Path: path, Parts: parts}, "json": {Path: path, JSON: object},
		"header": {Path: path, Form: params, Header: http.Header{"Idempotency-Key": {key}}},
	}
}

func TestEveryChangeIsMadeOncePerKey(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for name, c := range changes(t, p) {
		t.Run(name, func(t *testing.T) {
			params, key := harness.Values(c.params...), rand.Text()
			first := accepted(t, p.do(t, harness.Call{Path: c.path, Form: params, Header: http.Header{"Idempotency-Key": {key}}}))
			if !c.done(t) {
				t.Fatal("not done")
			}
			if c.undo != nil {
				c.undo(t)
			}
			for place, call := range keyPlaces(c.path, key, params) {
				again := accepted(t, p.do(t, call))
				if c.undo == nil {
					if diff := cmp.Diff(first.Fields, again.Fields); diff != "" {
						t.Errorf("%s: another answer:\n%s", place, diff)
					}
				} else if c.done(t) {
					t.Errorf("%s: done twice", place)
				}
			}
			other := maps.Clone(params)
			other.Set(c.other[0], c.other[1])
			answer := p.do(t, harness.Call{Path: c.path, Form: other, Header: http.Header{"Idempotency-Key": {key}}})
			refused(t, answer, 40002)
			if !strings.Contains(answer.Message(), "idempotency_key") {
				t.Errorf("refused with %q", answer.Message())
			}
		})
	}
}

func TestKeysAreCheckedLikeAnyText(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	all := changes(t, p)
	all["Register"] = repeatable{path: "/douyin/user/register/", params: []string{"username", harness.Name("k"), "password", "secret"}}
	all["Login"] = repeatable{path: "/douyin/user/login/", params: []string{"username", p.name, "password", p.password}}
	all["ChangePassword"] = repeatable{path: "/douyin/user/password/", params: []string{"old_password", p.password, "new_password", "another"}}
	all["Logout"] = repeatable{path: "/douyin/user/logout/"}
	all["LogoutEverywhere"] = repeatable{path: "/douyin/user/logout/everywhere/"}
	all["RetryTranscode"] = repeatable{path: "/douyin/publish/retry/", params: []string{"video_id", text(p.publish(t).ID)}}
	for name, c := range all {
		for _, key := range []string{"a\x00b", "a\xffb", strings.Repeat("k", 129), strings.Repeat("字", 129)} {
			params := harness.Values(c.params...)
			params.Set("idempotency_key", key)
			answer := p.do(t, harness.Call{Path: c.path, Form: params})
			refused(t, answer, 40002)
			if !strings.Contains(answer.Message(), "idempotency_key") {
				t.Errorf("%s: key %.10q refused with %q", name, key, answer.Message())
			}
		}
	}
	for _, key := range []string{strings.Repeat("字", 128), " ", "\"quoted\""} {
		accepted(t, p.do(t, harness.Call{Path: "/douyin/user/profile/", Form: harness.Values("signature", "x", "idempotency_key", key)}))
	}
}

// The answer holds a token: only who knows the password gets it again.
func TestRepeatedRegistrationAndLoginAnswerTheSameSession(t *testing.T) {
	t.Parallel()
	name, key := harness.Name("r"), rand.Text()
	call := func(path, password, key string) *harness.Answer {
		return anonymous().do(t, harness.Call{
			Path: path, Form: harness.Values("username", name, "password", password), Header: http.Header{"Idempotency-Key": {key}},
		})
	}
	register, login := "/douyin/user/register/", "/douyin/user/login/"
	first, again := entered(t, call(register, "secret", key)), entered(t, call(register, "secret", key))
	if first.id != again.id {
		t.Errorf("registered %d and %d", first.id, again.id)
	}
	refused(t, call(register, "wrong", key), 10001)
	refused(t, call(register, "secret", rand.Text()), 10001)
	refused(t, call(register, "secret", ""), 10001)

	key = rand.Text()
	opened, repeated := entered(t, call(login, "secret", key)), entered(t, call(login, "secret", key))
	refused(t, call(login, "wrong", key), 10002)
	// One session: the token of one answer ends the other's.
	opened.mustPost(t, "/douyin/user/logout/")
	refused(t, repeated.get(t, "/douyin/user/"), 10004)
	first.mustGet(t, "/douyin/user/")
}

// A call that ends its own session is answered again with its token, which is good
// for nothing else.
func TestCallsThatEndTheirSessionAreAnsweredAgain(t *testing.T) {
	t.Parallel()
	for path, params := range map[string]url.Values{
		"/douyin/user/logout/": {}, "/douyin/user/logout/everywhere/": {},
		"/douyin/user/password/": harness.Values("old_password", "correct horse", "new_password", "battery staple"),
	} {
		p, key := newPerson(t), rand.Text()
		call := func(key string) harness.Call {
			return harness.Call{Path: path, Form: params, Header: http.Header{"Idempotency-Key": {key}}}
		}
		accepted(t, p.do(t, call(key)))
		harness.Eventually(t, 10*time.Second, func() error {
			if code := p.get(t, "/douyin/user/").Code(); code != 10004 {
				return fmt.Errorf("the session answers %d", code)
			}
			return nil
		})
		again := accepted(t, p.do(t, call(key)))
		if path == "/douyin/user/password/" {
			entered(t, again, p.id).mustGet(t, "/douyin/user/")
		}
		refused(t, p.do(t, call(rand.Text())), 10004)
		refused(t, p.do(t, call("")), 10004)
	}
}

// entered is the person a session belongs to.
func entered(t *testing.T, a *harness.Answer, known ...int64) *person {
	t.Helper()
	var session struct {
		UserID int64  `json:"user_id"`
		Token  string `json:"token"`
	}
	decode(t, a, &session)
	p := &person{id: session.UserID, token: session.Token, client: shared().WithToken(session.Token)}
	if len(known) > 0 {
		p.id = known[0]
	}
	if p.id <= 0 || p.token == "" {
		t.Fatalf("answered user %d and token %q", p.id, p.token)
	}
	return p
}
