package contract_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"douyin.dev/test/harness"
)

// carry returns a call of a route, by an anonymous client, that has a token in one place.
type carry struct {
	name string
	with func(t *testing.T, r route, token string) harness.Call
}

// carriers are the places a token may come in.
func carriers() []carry {
	inBody := func(where place) func(*testing.T, route, string) harness.Call {
		return func(t *testing.T, r route, token string) harness.Call {
			return r.call(t, where, append([]param{word("token", token)}, r.params...)...)
		}
	}
	inHeader := func(name, prefix string) func(*testing.T, route, string) harness.Call {
		return func(t *testing.T, r route, token string) harness.Call {
			call := r.call(t, inQuery, r.params...)
			call.Header = http.Header{name: {prefix + token}}
			return call
		}
	}
	return []carry{
		{"Query", inBody(inQuery)},
		{"Form", inBody(inForm)},
		{"Multipart", inBody(inMultipart)},
		{"JSON", inBody(inJSON)},
		{"Bearer", inHeader("Authorization", "Bearer ")},
		{"LowerCaseBearer", inHeader("Authorization", "bearer ")},
		{"AccessToken", inHeader("Access-Token", "")},
		{"TokenHeader", inHeader("Token", "")},
	}
}

// Rule 8.
func TestTokenIsAcceptedInEveryPlace(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, r route, caller *person) {
		if r.access != required {
			t.Skip("needs no token")
		}
		for _, carrier := range carriers() {
			r = again(t, r, caller)
			answer := anonymous().do(t, carrier.with(t, r, caller.token))
			if answer.Code() != 0 {
				t.Errorf("%s: %s", carrier.name, answer)
			}
		}
	})
}

// Rule 8. Optional paths must look for the token in every place as well.
func TestOptionalTokenIsAcceptedInEveryPlace(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	r := route{method: get, path: "/douyin/publish/list", params: []param{id("user_id", s.author.id)}}
	for _, carrier := range carriers() {
		if got := videos(t, anonymous().do(t, carrier.with(t, r, s.reader.token))); !got[0].IsFavorite || !got[0].Author.IsFollow {
			t.Errorf("%s: the viewer is not known", carrier.name)
		}
	}
}

// Rules 5 and 8.
func TestEmptyTokenIsAbsent(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	answer := anonymous().do(t, harness.Call{
		Path: "/douyin/user/", Query: harness.Values("token", ""), Header: http.Header{"Authorization": {"Bearer " + s.reader.token}},
	})
	accepted(t, answer)
	accepted(t, anonymous().get(t, "/douyin/feed/", "token", ""))
}

// badTokens are tokens nobody may act with.
func badTokens(t *testing.T) map[string]string {
	t.Helper()
	good := theStage(t).reader.token
	parts := strings.Split(good, ".")
	bad := map[string]string{
		"Missing": "", "Garbage": "garbage", "Dots": "..", "Long": strings.Repeat("x", 4000), "Number": "12345", "Unicode": "令牌",
	}
	if len(parts) != 3 {
		t.Fatalf("the token is no JWT: %d parts", len(parts))
	}
	part := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	flipped := []byte(parts[2])
	flipped[0] ^= 'A' ^ 'B' // another base64 digit or none at all: a wrong signature both ways
	bad["Tampered"] = parts[0] + "." + parts[1] + "." + string(flipped)
	bad["OtherClaims"] = parts[0] + "." + part(`{"sub":"1","aud":"client","exp":4102444800}`) + "." + parts[2]
	bad["AlgNone"] = part(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + "."
	bad["AlgHMAC"] = part(`{"alg":"HS256","typ":"JWT"}`) + "." + parts[1] + "." + parts[2]
	bad["NoSignature"] = parts[0] + "." + parts[1] + "."
	bad["Revoked"] = revokedToken(t)
	claims, err := harness.ReadClaims(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range forged(t, claims) {
		bad[name] = token
	}
	return bad
}

var revoked struct {
	sync.Mutex
	token string
}

// revokedToken is a token whose session was ended, and is known to have.
func revokedToken(t *testing.T) string {
	t.Helper()
	revoked.Lock()
	defer revoked.Unlock()
	if revoked.token == "" {
		p := newPerson(t)
		p.mustPost(t, "/douyin/user/logout/")
		gone(t, p.token)
		revoked.token = p.token
	}
	return revoked.token
}

// forged are tokens of a live session that are signed, but not good. Those that
// need the platform's own key are there when the suite knows it.
func forged(t *testing.T, good harness.Claims) map[string]string {
	t.Helper()
	other, err := harness.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	bad := map[string]string{}
	add := func(name string, claims harness.Claims, key ed25519.PrivateKey, kid string) {
		if bad[name], err = claims.SignAs(key, kid); err != nil {
			t.Fatal(err)
		}
	}
	live := good.Until(now.Add(time.Hour))
	add("WrongKey", live, other, harness.Thumbprint(other))
	key := platform.SigningKey()
	if key == nil {
		t.Log("the platform's key is not known here: tokens it would have signed itself are not tried")
		return bad
	}
	kid := harness.Thumbprint(key)
	add("WrongKeyByItsName", live, other, kid)
	add("Expired", good.Until(now.Add(-time.Second)), key, kid)
	add("ExpiredLongAgo", good.Until(now.Add(-24*time.Hour)), key, kid)
	add("UnknownKey", live, key, "nobody")
	for name, change := range map[string]func(*harness.Claims){
		"NoExpiry":       func(c *harness.Claims) { c.Expires = 0 },
		"OtherIssuer":    func(c *harness.Claims) { c.Issuer = "somebody" },
		"OfTheMesh":      func(c *harness.Claims) { c.Audience = "mesh" },
		"NoAudience":     func(c *harness.Claims) { c.Audience = "" },
		"NoSession":      func(c *harness.Claims) { c.Session = "" },
		"UnknownSession": func(c *harness.Claims) { c.Session = "AAAAAAAAAAAAAAAAAAAAAAAAAA" },
		"SubjectIsZero":  func(c *harness.Claims) { c.Subject = "0" },
		"OthersSession":  func(c *harness.Claims) { c.Subject = text(theStage(t).author.id) },
	} {
		claims := live
		change(&claims)
		add(name, claims, key, kid)
	}
	return bad
}

// What is forged differs from a good token in the point it is named for only.
func TestATokenSignedLikeOursIsGood(t *testing.T) {
	t.Parallel()
	key := platform.SigningKey()
	if key == nil {
		t.Skip("the platform's key is not known here")
	}
	p := newPerson(t)
	claims, err := harness.ReadClaims(strings.Split(p.token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	token, err := claims.Until(time.Now().Add(time.Hour)).Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	accepted(t, anonymous().get(t, "/douyin/user/", "token", token))
}

// Rule 9.
func TestRequiredTokenIsNeeded(t *testing.T) {
	t.Parallel()
	bad := badTokens(t)
	for _, r := range routes(t) {
		if r.access != required {
			continue
		}
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			for name, token := range bad {
				answer := anonymous().do(t, carriers()[0].with(t, r, token))
				if answer.Code() != 10004 {
					t.Errorf("%s token: want 10004: %s", name, answer)
				}
				zeroKeys(t, r, answer)
			}
		})
	}
}

// Rule 9.
func TestInvalidTokenMeansAnonymousWhereItIsOptional(t *testing.T) {
	t.Parallel()
	bad := badTokens(t)
	for _, r := range routes(t) {
		if r.access != optional {
			continue
		}
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			want := accepted(t, anonymous().do(t, r.call(t, inQuery, r.params...)))
			for name, token := range bad {
				sameAnswer(t, name+" token", accepted(t, anonymous().do(t, carriers()[0].with(t, r, token))), want)
			}
		})
	}
}

// Rule 9.
func TestInvalidTokenOnFeedMeansAnonymous(t *testing.T) {
	t.Parallel()
	theStage(t)
	for name, token := range badTokens(t) {
		for _, video := range videos(t, anonymous().mustGet(t, "/douyin/feed/", "token", token)) {
			if video.IsFavorite || video.Author.IsFollow {
				t.Errorf("%s token: somebody is known: %+v", name, video)
			}
		}
	}
}

// is_favorite and is_follow are those of who asks.
func TestViewerFactsAreRelativeToTheCaller(t *testing.T) {
	t.Parallel()
	s, stranger := theStage(t), newPerson(t)
	for name, c := range map[string]struct {
		caller      *person
		likes, sees bool
	}{
		"Friend":    {s.reader, true, true},
		"Stranger":  {stranger, false, false},
		"Anonymous": {anonymous(), false, false},
		"Oneself":   {s.author, false, false},
	} {
		video := videos(t, c.caller.mustGet(t, "/douyin/publish/list/", "user_id", text(s.author.id)))[0]
		if video.IsFavorite != c.likes || video.Author.IsFollow != c.sees {
			t.Errorf("%s: is_favorite %v and is_follow %v, want %v and %v", name, video.IsFavorite, video.Author.IsFollow, c.likes, c.sees)
		}
		author := comments(t, c.caller.mustGet(t, "/douyin/comment/list/", "video_id", text(s.video.ID)))[0].User
		if want := c.caller == s.author; author.IsFollow != want {
			t.Errorf("%s: the commenter's is_follow is %v, want %v", name, author.IsFollow, want)
		}
	}
}

// Rule 9. Without a caller there is nobody whose list is meant.
func TestAnonymousCallerMustNameTheUser(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/douyin/publish/list/", "/douyin/favorite/list/", "/douyin/relation/follow/list/", "/douyin/relation/follower/list/"} {
		refused(t, anonymous().get(t, path), 40002, 10004)
	}
}

// gone waits until a token is refused; a revocation may take 5 seconds.
func gone(t *testing.T, token string) {
	t.Helper()
	harness.Eventually(t, 6*time.Second, func() error {
		if answer := anonymous().get(t, "/douyin/user/", "token", token); answer.Code() != 10004 {
			return fmt.Errorf("the token still works: %s", answer)
		}
		return nil
	})
}

func TestLogoutEndsThisSessionOnly(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	first := p.token
	p.enter(t, "/douyin/user/login/")
	shared := anonymous()
	shared.mustPost(t, "/douyin/user/logout/", "token", first)
	gone(t, first)
	p.mustGet(t, "/douyin/user/")
	accepted(t, shared.get(t, "/douyin/feed/", "token", first))
}

func TestLogoutEverywhereEndsAllSessions(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	first := p.token
	p.enter(t, "/douyin/user/login/")
	p.mustPost(t, "/douyin/user/logout/everywhere/")
	gone(t, first)
	gone(t, p.token)
	p.enter(t, "/douyin/user/login/")
	p.mustGet(t, "/douyin/user/")
}

func TestChangedPasswordReplacesAllSessions(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	first := p.token
	refused(t, p.post(t, "/douyin/user/password/", "old_password", "wrong", "new_password", "another horse"), 10002)
	var answer struct{ Token string }
	decode(t, p.mustPost(t, "/douyin/user/password/", "old_password", p.password, "new_password", "another horse"), &answer)
	accepted(t, anonymous().get(t, "/douyin/user/", "token", answer.Token))
	gone(t, first)
	refused(t, anonymous().post(t, "/douyin/user/login/", "username", p.name, "password", p.password), 10002)
	p.password = "another horse"
	p.enter(t, "/douyin/user/login/")
}
