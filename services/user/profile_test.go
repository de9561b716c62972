package user

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/infratest"
)

func TestUpdateProfileSetsOnlyWhatIsGiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, token := b.register(t, "ada", "p")
	ctx := b.as(t, token)
	if _, err := b.UpdateProfile(ctx, &userv1.UpdateProfileRequest{
		AvatarUrl: proto.String("https://example.com/a.png"), Signature: proto.String("first\nsecond"),
	}); err != nil {
		t.Fatal(err)
	}
	res, err := b.UpdateProfile(ctx, &userv1.UpdateProfileRequest{
		BackgroundUrl: proto.String("http://example.com/b"), Signature: proto.String(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &userv1.User{Id: id, Name: "ada", AvatarUrl: "https://example.com/a.png", BackgroundUrl: "http://example.com/b", Version: 3}
	if diff := cmp.Diff(want, res.GetUser(), protocmp.Transform()); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	got, err := b.BatchGetUsers(t.Context(), &userv1.BatchGetUsersRequest{Ids: []int64{id}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*userv1.User{want}, got.GetUsers(), protocmp.Transform()); diff != "" {
		t.Errorf("read after write (-want +got):\n%s", diff)
	}
}

func TestAUserIsFoundByAnySpellingOfTheName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.register(t, "Ada 林", "p")
	for _, name := range []string{"Ada 林", "ada 林", " ADA 林 ", "Ａda 林"} {
		res, err := b.FindUser(t.Context(), &userv1.FindUserRequest{Name: name})
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		want := &userv1.User{Id: id, Name: "Ada 林", Version: 1}
		if diff := cmp.Diff(want, res.GetUser(), protocmp.Transform()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
	for _, name := range []string{"", "ada", "Ada 林 2", "\x00", "\xff", strings.Repeat("a", 5000)} {
		_, err := b.FindUser(t.Context(), &userv1.FindUserRequest{Name: name})
		wantReason(t, err, userv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND)
	}
}

func TestEveryUpdateHasAVersionOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.register(t, "ada", "p")
	ctx := b.as(t, token)
	var mu sync.Mutex
	versions := map[int64]bool{}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			res, err := b.UpdateProfile(ctx, &userv1.UpdateProfileRequest{Signature: proto.String("s")})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			versions[res.GetUser().GetVersion()] = true
		})
	}
	wg.Wait()
	if len(versions) != 16 {
		t.Errorf("%d versions of 16 updates", len(versions))
	}
}

func TestProfileLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.register(t, "ada", "p")
	ctx := b.as(t, token)
	url := func(n int) string { return "https://example.com/" + strings.Repeat("a", n-len("https://example.com/")) }
	avatar := func(s string) *userv1.UpdateProfileRequest { return &userv1.UpdateProfileRequest{AvatarUrl: &s} }
	signature := func(s string) *userv1.UpdateProfileRequest { return &userv1.UpdateProfileRequest{Signature: &s} }
	for name, c := range map[string]struct {
		req   *userv1.UpdateProfileRequest
		field string
	}{
		"no URL":                    {avatar(""), ""},
		"511 characters":            {avatar(url(511)), ""},
		"512 characters":            {avatar(url(512)), ""},
		"513 characters":            {avatar(url(513)), "avatar_url"},
		"script":                    {avatar("javascript:alert(1)"), "avatar_url"},
		"data":                      {avatar("data:image/png;base64,AAAA"), "avatar_url"},
		"relative":                  {avatar("/a.png"), "avatar_url"},
		"no host":                   {avatar("https:///a.png"), "avatar_url"},
		"password in URL":           {avatar("https://u:p@example.com/"), "avatar_url"},
		"line break in URL":         {avatar("https://example.com/\n"), "avatar_url"},
		"background":                {&userv1.UpdateProfileRequest{BackgroundUrl: proto.String("ftp://example.com/")}, "background_url"},
		"199 character signature":   {signature(strings.Repeat("字", 199)), ""},
		"200 character signature":   {signature(strings.Repeat("字", 200)), ""},
		"201 character signature":   {signature(strings.Repeat("字", 201)), "signature"},
		"zero byte in signature":    {signature("a\x00b"), "signature"},
		"broken UTF-8 in signature": {signature("a\xffb"), "signature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := b.UpdateProfile(ctx, c.req)
			if c.field != "" {
				wantField(t, err, c.field)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestProfileOfNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.UpdateProfile(t.Context(), &userv1.UpdateProfileRequest{})
	wantCode(t, err, connect.CodeUnauthenticated)
	_, err = b.UpdateProfile(auth.WithViewer(t.Context(), auth.Viewer{UserID: 42, SessionID: "s"}), &userv1.UpdateProfileRequest{})
	wantReason(t, err, userv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND)
}

func TestBatchGetUsersLeavesOutWhoIsNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ada, _ := b.register(t, "ada", "p")
	bob, _ := b.register(t, "bob", "p")
	res, err := b.BatchGetUsers(t.Context(), &userv1.BatchGetUsersRequest{Ids: []int64{bob, 0, -1, ada, bob, 1 << 60}})
	if err != nil {
		t.Fatal(err)
	}
	want := []*userv1.User{{Id: ada, Name: "ada", Version: 1}, {Id: bob, Name: "bob", Version: 1}}
	byID := protocmp.SortRepeated(func(a, b *userv1.User) bool { return a.GetId() < b.GetId() })
	if diff := cmp.Diff(&userv1.BatchGetUsersResponse{Users: want}, res, protocmp.Transform(), byID); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBatchGetUsersLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for n, field := range map[int]string{0: "", 999: "", 1000: "", 1001: "ids"} {
		ids := make([]int64, n)
		for i := range ids {
			ids[i] = int64(i + 1)
		}
		_, err := b.BatchGetUsers(t.Context(), &userv1.BatchGetUsersRequest{Ids: ids})
		if field != "" {
			wantField(t, err, field)
		} else if err != nil {
			t.Errorf("%d ids: %v", n, err)
		}
	}
}

func TestEveryInstanceReadsTheNewestProfile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{infratest.Redis(t)}, DisableCache: !infratest.RedisTracking(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	instances := []*Service{b.cached(t, b.db, client), b.cached(t, b.db, client)}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, s := range instances {
		running.Go(func() {
			if err := s.Run(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { cancel(); running.Wait() })

	res, err := instances[0].Register(t.Context(), &userv1.RegisterRequest{Username: "ada", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	viewer := auth.WithViewer(t.Context(), auth.Viewer{UserID: res.GetUserId(), SessionID: "s"})
	for version := int64(1); version <= 10; version++ {
		writer := instances[version%2]
		if version > 1 {
			if _, err := writer.UpdateProfile(viewer, &userv1.UpdateProfileRequest{Signature: proto.String("s")}); err != nil {
				t.Fatal(err)
			}
			// The writer at once, the other as soon as it has heard of it.
			if got := versionAt(t, writer, res.GetUserId()); got != version {
				t.Errorf("the writer reads version %d after writing %d", got, version)
			}
		}
		deadline := time.Now().Add(5 * time.Second)
		for versionAt(t, instances[(version+1)%2], res.GetUserId()) != version {
			if time.Now().After(deadline) {
				t.Fatalf("the other instance did not get version %d", version)
			}
		}
	}
}

func versionAt(t *testing.T, s *Service, userID int64) int64 {
	t.Helper()
	res, err := s.BatchGetUsers(t.Context(), &userv1.BatchGetUsersRequest{Ids: []int64{userID}})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.GetUsers()) != 1 {
		t.Fatalf("got %v, want one user", res.GetUsers())
	}
	return res.GetUsers()[0].GetVersion()
}
