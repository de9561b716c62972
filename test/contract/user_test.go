package contract_test

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"douyin.dev/test/harness"
)

func register(t *testing.T, name, password string) *harness.Answer {
	t.Helper()
	return anonymous().post(t, "/douyin/user/register/", "username", name, "password", password)
}

func login(t *testing.T, name, password string) *harness.Answer {
	t.Helper()
	return anonymous().post(t, "/douyin/user/login/", "username", name, "password", password)
}

func TestRegisteredUserIsLoggedIn(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	if got := p.user(t, p.id); got.ID != p.id || got.Name != p.name {
		t.Errorf("got user %d %q, want %d %q", got.ID, got.Name, p.id, p.name)
	}
}

func TestLoginAnswersTheSameUser(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	id := p.id
	p.enter(t, "/douyin/user/login/")
	if p.id != id {
		t.Errorf("got user %d, want %d", p.id, id)
	}
	p.mustGet(t, "/douyin/user/")
}

// A Chinese character is one character and three bytes.
func TestUsernameHas1To32Characters(t *testing.T) {
	t.Parallel()
	unique := harness.Name("")[1:] // 14 characters
	for n, taken := range map[int]bool{31: true, 32: true, 33: false, 100: false} {
		answer := register(t, unique+strings.Repeat("名", n-len(unique)), "secret")
		if taken {
			accepted(t, answer)
			continue
		}
		refused(t, answer, 40002)
		if !strings.Contains(answer.Message(), "username") {
			t.Errorf("the message does not name username: %s", answer)
		}
	}
	refused(t, register(t, "", "secret"), 40002)
}

func TestUsernameMayBeOneCharacter(t *testing.T) {
	t.Parallel()
	const first, count = 0x4e00, 20_000 // Chinese characters: few enough that one may be taken
	for range 10 {
		answer := register(t, string(rune(first+rand.IntN(count))), "secret")
		if answer.Code() != 10001 {
			accepted(t, answer)
			return
		}
	}
	t.Error("ten names of one character are taken")
}

func TestPasswordHas1To256Characters(t *testing.T) {
	t.Parallel()
	for n, ok := range map[int]bool{1: true, 255: true, 256: true, 257: false} {
		answer := register(t, harness.Name("p"), strings.Repeat("密", n))
		if ok {
			accepted(t, answer)
			continue
		}
		refused(t, answer, 40002)
		if !strings.Contains(answer.Message(), "password") {
			t.Errorf("the message does not name password: %s", answer)
		}
	}
	refused(t, register(t, harness.Name("p"), ""), 40002)
}

func TestLongPasswordIsNotTruncated(t *testing.T) {
	t.Parallel()
	name, password := harness.Name("p"), strings.Repeat("x", 200)
	accepted(t, register(t, name, password))
	for _, length := range []int{199, 128, 72, 71} {
		refused(t, login(t, name, password[:length]), 10002)
	}
	refused(t, login(t, name, password[:199]+"y"), 10002)
	accepted(t, login(t, name, password))
}

func TestPasswordIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	name, password := harness.Name("p"), "  &=+%25 é\t\"'<>密  "
	accepted(t, register(t, name, password))
	accepted(t, login(t, name, password))
	refused(t, login(t, name, strings.TrimSpace(password)), 10002)
}

func TestUsernameIsUniqueWithoutCase(t *testing.T) {
	t.Parallel()
	name := harness.Name("Case")
	accepted(t, register(t, name, "secret"))
	for _, same := range []string{name, strings.ToUpper(name), strings.ToLower(name)} {
		refused(t, register(t, same, "other"), 10001)
	}
	accepted(t, login(t, strings.ToUpper(name), "secret"))
}

// Blanks around it, compatibility forms and composed letters make no other name.
func TestSpellingsOfAUsernameAreOneAccount(t *testing.T) {
	t.Parallel()
	name := harness.Name("s") // ASCII, so that every letter has a full-width form
	wide := strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r + 0xfee0
		}
		return r
	}, name)
	accepted(t, register(t, name+"e\u0301", "cafe\u0301"))
	for _, same := range []string{" " + name + "\u00e9", name + "E\u0301\u00a0", "\u3000" + wide + "é"} {
		refused(t, register(t, same, "other"), 10001)
		accepted(t, login(t, same, "caf\u00e9"))
	}
}

func TestUsernameHasOnlyWhatEverybodySees(t *testing.T) {
	t.Parallel()
	name := harness.Name("u")
	for _, unseen := range []string{"\u200b", "\u202e", "\ufe0f", "\u115f", "\u1160", "\u2800", "\u3164", "\uffa0", "\u2028", "\x00"} {
		for _, spelled := range []string{unseen, name + unseen + "x"} {
			answer := register(t, spelled, "secret")
			refused(t, answer, 40002)
			if !strings.Contains(answer.Message(), "username") {
				t.Errorf("%+q: the message does not name username: %s", spelled, answer)
			}
		}
	}
	refused(t, register(t, "\u3000", "secret"), 40002)
	refused(t, register(t, "\u0301", "secret"), 40002)
}

func TestOneOfManyRegistrationsOfANameWins(t *testing.T) {
	t.Parallel()
	name := harness.Name("race")
	codes := make(chan int64, 6)
	var group sync.WaitGroup
	for i := range cap(codes) {
		spelled := name
		if i%2 == 1 {
			spelled = strings.ToUpper(name)
		}
		group.Go(func() { codes <- register(t, spelled, "secret").Code() })
	}
	group.Wait()
	close(codes)
	count := map[int64]int{}
	for code := range codes {
		count[code]++
	}
	if count[0] != 1 || count[10001] != cap(codes)-1 {
		t.Errorf("got codes %v, want one 0 and else 10001", count)
	}
}

func TestFailedRegisterStillHasZeroKeys(t *testing.T) {
	t.Parallel()
	name := harness.Name("z")
	accepted(t, register(t, name, "secret"))
	r := route{zero: map[string]string{"user_id": "0", "token": `""`}}
	zeroKeys(t, r, register(t, name, "secret"))
	zeroKeys(t, r, register(t, "", ""))
	zeroKeys(t, r, login(t, name, "wrong"))
}

func TestUnknownUserAndWrongPasswordAnswerAlike(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	unknown, wrong := login(t, harness.Name("nobody"), "secret"), login(t, p.name, "secret")
	refused(t, unknown, 10002)
	sameAnswer(t, "wrong password", wrong, unknown)
}

func TestUserWithoutIDIsOneself(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	var answer struct{ User harness.User }
	decode(t, p.mustGet(t, "/douyin/user/"), &answer)
	if answer.User.ID != p.id {
		t.Errorf("got user %d, want %d", answer.User.ID, p.id)
	}
}

func TestUnknownUserIsNoSuchUser(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	answer := s.reader.get(t, "/douyin/user/", "user_id", "987654321")
	refused(t, answer, 10013)
	zeroKeys(t, route{zero: map[string]string{"user": "null"}}, answer)
}

func TestAUserIsFoundByNameWithoutALogin(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	var answer struct{ User harness.User }
	decode(t, anonymous().mustGet(t, "/douyin/user/public/", "name", strings.ToUpper(p.name)), &answer)
	if answer.User.ID != p.id {
		t.Errorf("got user %d, want %d", answer.User.ID, p.id)
	}
	refused(t, anonymous().get(t, "/douyin/user/public/", "name", p.name+"?"), 10013)
	refused(t, anonymous().get(t, "/douyin/user/public/"), 40002)
}

func TestNewUserHasPicturesThatLoad(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	got := p.user(t, p.id)
	for _, url := range []string{got.Avatar, got.BackgroundImage} {
		answer := fetch(t, get, url, nil)
		if answer.HTTP != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "image/") || len(answer.Body) == 0 {
			t.Errorf("%s: HTTP %d %s, %d bytes", url, answer.HTTP, answer.Header.Get("Content-Type"), len(answer.Body))
		}
	}
	if got.IsFollow || got.FollowCount != 0 || got.FollowerCount != 0 || got.TotalFavorited != 0 || got.WorkCount != 0 || got.FavoriteCount != 0 {
		t.Errorf("a new user has done something: %+v", got)
	}
}

func TestProfileChangesOnlyWhatIsSent(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	before := p.user(t, p.id)
	avatar := "https://pictures.example/a.png"
	p.mustPost(t, "/douyin/user/profile/", "signature", "你好")
	p.mustPost(t, "/douyin/user/profile/", "avatar", avatar)
	got := p.user(t, p.id)
	if got.Signature != "你好" || got.Avatar != avatar || got.BackgroundImage != before.BackgroundImage || got.Name != p.name {
		t.Errorf("got %+v", got)
	}
}

func TestProfileLimits(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for n, ok := range map[int]bool{199: true, 200: true, 201: false} {
		answer := p.post(t, "/douyin/user/profile/", "signature", strings.Repeat("签", n))
		if ok {
			accepted(t, answer)
		} else {
			refused(t, answer, 40002)
		}
	}
	base := "https://pictures.example/"
	for n, ok := range map[int]bool{511: true, 512: true, 513: false} {
		answer := p.post(t, "/douyin/user/profile/", "avatar", base+strings.Repeat("a", n-len(base)))
		if ok {
			accepted(t, answer)
		} else {
			refused(t, answer, 40002)
		}
	}
	for _, url := range []string{"javascript:alert(1)", "file:///etc/passwd", "no url", "//host/path", "ftp://h/x"} {
		refused(t, p.post(t, "/douyin/user/profile/", "background_image", url), 40002)
	}
}
