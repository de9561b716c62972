package standalone_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/standalone"
)

// witness remembers what components handed each other, as it was then.
type witness struct {
	mu   sync.Mutex
	seen []handedOver
}

type handedOver struct {
	procedure string
	message   proto.Message
	digest    [sha256.Size]byte
}

func digest(m proto.Message) [sha256.Size]byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err) // a message of ours that was sent
	}
	return sha256.Sum256(b)
}

func (w *witness) see(procedure string, message any) {
	m := message.(proto.Message)
	one := handedOver{procedure, m, digest(m)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, one)
}

// changed are the procedures of messages that are not what they were.
func (w *witness) changed() (procedures map[string]bool, bad []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	procedures = map[string]bool{}
	for _, one := range w.seen {
		procedures[one.procedure] = true
		if digest(one.message) != one.digest {
			bad = append(bad, fmt.Sprintf("%s: %s", one.procedure, one.message.ProtoReflect().Descriptor().FullName()))
		}
	}
	return procedures, bad
}

// api is a client of the REST paths.
type api struct {
	t    *testing.T
	base string
}

type answered struct {
	StatusCode int    `json:"status_code"`
	StatusMsg  string `json:"status_msg"`
	UserID     int64  `json:"user_id"`
	Token      string
	VideoList  []struct {
		ID     int64
		Author struct{ ID int64 }
	} `json:"video_list"`
}

func (a api) call(method, path string, args ...any) (got answered) {
	a.t.Helper()
	values := url.Values{}
	for i := 0; i < len(args); i += 2 {
		values.Set(args[i].(string), fmt.Sprint(args[i+1]))
	}
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.base+"/douyin"+path+"?"+values.Encode(), http.NoBody)
	if err != nil {
		a.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if err := json.Unmarshal(body, &got); err != nil || got.StatusCode != 0 {
		a.t.Fatalf("%s %s: %s, %v", method, path, body, err)
	}
	return got
}

// Components of one process hand each other their messages. Whoever changed one
// afterwards would change what another is still reading, or keeps in a cache.
func TestNobodyChangesAMessageThatWasHandedOver(t *testing.T) {
	t.Parallel()
	key, err := auth.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var w witness
	a := api{t, start(t, key, func(c *standalone.Component) app.Component {
		c.Seen, c.Video.WorkDir = w.see, t.TempDir()
		// What hashing takes on a busy machine is not asked here.
		c.User.PasswordWait, c.User.PasswordShare, c.Transcode.FFmpeg = time.Minute, 1, "none"
		return c
	})}
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() { a.wander(fmt.Sprintf("wanderer_%d", i)) })
	}
	clients.Wait()
	procedures, bad := w.changed()
	if len(bad) > 0 {
		t.Errorf("changed after they were handed over:\n%s", strings.Join(bad, "\n"))
	}
	if len(procedures) < 20 {
		t.Errorf("only %d procedures were called: %v", len(procedures), procedures)
	}
}

// wander does all a client can do but publish: others read the same meanwhile.
func (a api) wander(name string) {
	me := a.call("POST", "/user/register", "username", name, "password", "correct horse")
	for range 3 {
		a.call("GET", "/feed")
		for _, v := range a.call("GET", "/feed", "token", me.Token).VideoList {
			for _, action := range []int{1, 2, 1} {
				a.call("POST", "/favorite/action", "token", me.Token, "video_id", v.ID, "action_type", action)
				a.call("POST", "/relation/action", "token", me.Token, "to_user_id", v.Author.ID, "action_type", action)
			}
			a.call("POST", "/comment/action", "token", me.Token, "video_id", v.ID, "action_type", 1, "comment_text", "well")
			a.call("GET", "/comment/list", "token", me.Token, "video_id", v.ID)
			a.call("GET", "/user", "token", me.Token, "user_id", v.Author.ID)
			a.call("GET", "/publish/list", "token", me.Token, "user_id", v.Author.ID)
			a.call("GET", "/relation/follower/list", "token", me.Token, "user_id", v.Author.ID)
			a.call("POST", "/message/action", "token", me.Token, "to_user_id", v.Author.ID, "action_type", 1, "content", "hello")
			a.call("GET", "/message/chat", "token", me.Token, "to_user_id", v.Author.ID, "pre_msg_time", 0)
		}
		a.call("GET", "/feed/following", "token", me.Token)
		a.call("GET", "/favorite/list", "token", me.Token, "user_id", me.UserID)
		a.call("GET", "/relation/follow/list", "token", me.Token, "user_id", me.UserID)
		a.call("GET", "/relation/friend/list", "token", me.Token, "user_id", me.UserID)
	}
}
