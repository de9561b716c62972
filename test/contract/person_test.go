package contract_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"testing"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

var shared = sync.OnceValue(func() *harness.Client { return harness.NewClient(platform.URL()) })

// person is a caller: a registered user, or an anonymous one with id 0.
type person struct {
	id       int64
	name     string
	password string
	token    string
	client   *harness.Client
	// publishing is held while a test uploads: a user may send few videos at once, and
	// tests that run side by side share some people.
	publishing sync.Mutex
}

func anonymous() *person { return &person{client: shared()} }

// newPerson registers a user of its own for a test.
func newPerson(t testing.TB) *person {
	t.Helper()
	p := &person{name: harness.Name("t"), password: "correct horse"}
	p.enter(t, "/douyin/user/register/")
	return p
}

// enter registers or logs in and takes the token.
func (p *person) enter(t testing.TB, path string) {
	t.Helper()
	var session struct {
		UserID int64  `json:"user_id"`
		Token  string `json:"token"`
	}
	decode(t, anonymous().post(t, path, "username", p.name, "password", p.password), &session)
	if session.UserID <= 0 || session.Token == "" {
		t.Fatalf("%s answers user_id %d and token %q", path, session.UserID, session.Token)
	}
	p.id, p.token = session.UserID, session.Token
	p.client = shared().WithToken(p.token)
}

// people registers several users.
func people(t testing.TB, n int) []*person {
	t.Helper()
	all := make([]*person, n)
	for i := range all {
		all[i] = newPerson(t)
	}
	return all
}

// do sends a call and lints its answer.
func (p *person) do(t testing.TB, call harness.Call) *harness.Answer {
	t.Helper()
	answer, err := p.client.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	for _, complaint := range harness.Lint(answer) {
		t.Errorf("%s: %s", answer.Path, complaint)
	}
	return answer
}

// get and post call a path with parameters in the query or in a form, whatever
// the answer is.
func (p *person) get(t testing.TB, path string, pairs ...string) *harness.Answer {
	t.Helper()
	return p.do(t, harness.Call{Path: path, Query: harness.Values(pairs...)})
}

func (p *person) post(t testing.TB, path string, pairs ...string) *harness.Answer {
	t.Helper()
	return p.do(t, harness.Call{Path: path, Form: harness.Values(pairs...)})
}

// mustGet and mustPost are get and post with answers that say 0.
func (p *person) mustGet(t testing.TB, path string, pairs ...string) *harness.Answer {
	t.Helper()
	return accepted(t, p.get(t, path, pairs...))
}

func (p *person) mustPost(t testing.TB, path string, pairs ...string) *harness.Answer {
	t.Helper()
	return accepted(t, p.post(t, path, pairs...))
}

func accepted(t testing.TB, a *harness.Answer) *harness.Answer {
	t.Helper()
	if a.Code() != 0 {
		t.Fatalf("want status_code 0: %s", a)
	}
	return a
}

// refused checks that an answer has one of the codes.
func refused(t testing.TB, a *harness.Answer, codes ...int64) {
	t.Helper()
	if !slices.Contains(codes, a.Code()) {
		t.Errorf("want status_code %v: %s", codes, a)
	}
	if a.Message() == "" {
		t.Errorf("a refusal says nothing: %s", a)
	}
}

func decode(t testing.TB, a *harness.Answer, into any) {
	t.Helper()
	if err := accepted(t, a).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// text is how an id is sent.
func text(id int64) string { return strconv.FormatInt(id, 10) }

// user returns another user, or oneself, as p sees it.
func (p *person) user(t testing.TB, id int64) harness.User {
	t.Helper()
	var answer struct{ User harness.User }
	decode(t, p.mustGet(t, "/douyin/user/", "user_id", text(id)), &answer)
	return answer.User
}

// publish uploads a video with a title of its own and returns it from the list.
func (p *person) publish(t testing.TB) harness.Video {
	t.Helper()
	title := harness.Name("title")
	accepted(t, p.uploadAlone(t, drawn(t), title))
	for _, video := range p.published(t) {
		if video.Title == title {
			return video
		}
	}
	t.Fatalf("%q is not in publish/list right after it was published", title)
	panic("unreachable")
}

// uploadAlone uploads when no other test uploads for this person.
func (p *person) uploadAlone(t testing.TB, file []byte, title string) *harness.Answer {
	t.Helper()
	p.publishing.Lock()
	defer p.publishing.Unlock()
	return p.upload(t, file, title)
}

// upload sends a file the way apps do.
func (p *person) upload(t testing.TB, file []byte, title string) *harness.Answer {
	t.Helper()
	return p.do(t, harness.Call{Path: "/douyin/publish/action/", Parts: []harness.Part{
		{Name: "data", FileName: "video.mp4", ContentType: "video/mp4", Content: file},
		{Name: "title", Content: []byte(title)},
	}})
}

func drawn(t testing.TB) []byte {
	t.Helper()
	video, err := media.Draw()
	if err != nil {
		t.Fatal(err)
	}
	return video
}

// videos, users, comments and messages read the lists.
func videos(t testing.TB, a *harness.Answer) []harness.Video {
	t.Helper()
	var answer struct {
		VideoList []harness.Video `json:"video_list"`
	}
	decode(t, a, &answer)
	return answer.VideoList
}

func users(t testing.TB, a *harness.Answer) []harness.User {
	t.Helper()
	var answer struct {
		UserList []harness.User `json:"user_list"`
	}
	decode(t, a, &answer)
	return answer.UserList
}

func comments(t testing.TB, a *harness.Answer) []harness.Comment {
	t.Helper()
	var answer struct {
		CommentList []harness.Comment `json:"comment_list"`
	}
	decode(t, a, &answer)
	return answer.CommentList
}

func messages(t testing.TB, a *harness.Answer) []harness.Message {
	t.Helper()
	var answer struct {
		MessageList []harness.Message `json:"message_list"`
	}
	decode(t, a, &answer)
	return answer.MessageList
}

func (p *person) published(t testing.TB) []harness.Video {
	t.Helper()
	return videos(t, p.mustGet(t, "/douyin/publish/list/"))
}

func (p *person) liked(t testing.TB) []harness.Video {
	t.Helper()
	return videos(t, p.mustGet(t, "/douyin/favorite/list/"))
}

func (p *person) comments(t testing.TB, video int64) []harness.Comment {
	t.Helper()
	return comments(t, p.mustGet(t, "/douyin/comment/list/", "video_id", text(video)))
}

func (p *person) chat(t testing.TB, peer int64) []harness.Message {
	t.Helper()
	return messages(t, p.mustGet(t, "/douyin/message/chat/", "to_user_id", text(peer)))
}

func (p *person) like(t testing.TB, video int64, action string) {
	t.Helper()
	p.mustPost(t, "/douyin/favorite/action/", "video_id", text(video), "action_type", action)
}

func (p *person) follow(t testing.TB, user int64, action string) {
	t.Helper()
	p.mustPost(t, "/douyin/relation/action/", "to_user_id", text(user), "action_type", action)
}

func (p *person) comment(t testing.TB, video int64, content string) harness.Comment {
	t.Helper()
	var answer struct{ Comment harness.Comment }
	decode(t, p.mustPost(t, "/douyin/comment/action/", "video_id", text(video), "action_type", "1", "comment_text", content), &answer)
	return answer.Comment
}

func (p *person) say(t testing.TB, to int64, content string) {
	t.Helper()
	p.mustPost(t, "/douyin/message/action/", "to_user_id", text(to), "action_type", "1", "content", content)
}

// ids reads the ids of the objects in a list of an answer.
func ids(t testing.TB, a *harness.Answer, list string) []int64 {
	t.Helper()
	items, ok := a.Fields[list].([]any)
	if !ok {
		t.Fatalf("%s is no list: %s", list, a)
	}
	all := []int64{}
	for _, item := range items {
		number, _ := item.(map[string]any)["id"].(json.Number)
		id, err := number.Int64()
		if err != nil {
			t.Fatalf("id: %v: %s", err, a)
		}
		all = append(all, id)
	}
	return all
}

func videoIDs(list []harness.Video) []int64 {
	all := []int64{}
	for _, v := range list {
		all = append(all, v.ID)
	}
	return all
}

func userIDs(list []harness.User) []int64 {
	all := []int64{}
	for _, u := range list {
		all = append(all, u.ID)
	}
	return all
}

func contents(list []harness.Message) []string {
	all := []string{}
	for _, m := range list {
		all = append(all, m.Content)
	}
	return all
}
