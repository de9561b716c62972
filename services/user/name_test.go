package user

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"github.com/alexedwards/argon2id"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/username"
)

func TestUsernameRules(t *testing.T) {
	t.Parallel()
	for spelled, want := range map[string]string{ // "" for refused
		" ada ":                            "ada",
		"\u00a0ada\u3000":                  "ada",
		"Ａｄａ":                              "Ada",
		"ﬁsh":                              "fish",
		"cafe\u0301":                       "caf\u00e9",
		"a\u00a0b":                         "a b",
		"张三":                               "张三",
		"😀":                                "😀",
		"a\u200bda":                        "",
		"a\u200dda":                        "",
		"\u202eada":                        "",
		"ada\u2066":                        "",
		"❤\ufe0f":                          "",
		"a\u115fb":                         "",
		"a\u1160b":                         "",
		"a\u2800b":                         "",
		"a\u3164b":                         "",
		"a\uffa0b":                         "",
		"\u3164":                           "",
		"\u2800":                           "",
		"\u3000":                           "",
		"\u0301":                           "",
		"a\u2028b":                         "",
		"a\ue000b":                         "",
		"a\x00b":                           "",
		"a\xffb":                           "",
		strings.Repeat("名", 31):            strings.Repeat("名", 31),
		strings.Repeat("名", 32):            strings.Repeat("名", 32),
		strings.Repeat("名", 33):            "",
		strings.Repeat("e\u0301", 32):      strings.Repeat("\u00e9", 32), // 64 as spelled, 32 as shown
		strings.Repeat("e\u0301", 33):      "",
		"\ufdfa" + strings.Repeat("x", 14): "صلى الله عليه وسلم" + strings.Repeat("x", 14), // one as spelled, 18 as shown
		"\ufdfa" + strings.Repeat("x", 15): "",
	} {
		got, err := settings.checkName(spelled)
		if want == "" {
			wantField(t, err, "username")
		} else if got != want || err != nil {
			t.Errorf("%+q is shown as %+q, %v; want %+q", spelled, got, err, want)
		}
	}
}

func TestPasswordIsCountedAsItIsHashed(t *testing.T) {
	t.Parallel()
	for password, ok := range map[string]bool{
		"": false, "e\u0301": true,
		strings.Repeat("e\u0301", 255): true, strings.Repeat("e\u0301", 256): true, strings.Repeat("e\u0301", 257): false,
	} {
		if err := settings.checkPassword("password", password); (err == nil) != ok {
			t.Errorf("%d bytes: %v", len(password), err)
		}
	}
}

func TestSpellingsOfANameAreOneAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.register(t, "Sam  Fish", "secret")
	for _, spelled := range []string{"sam fish", "\u3000SAM\u00a0FISH", "ſam ﬁsh", "ｓａｍ ｆｉｓｈ"} {
		if got := verified(t, b.Service, b.login(t, spelled, "secret")).GetUserId(); got != id {
			t.Errorf("%+q logged %d in, want %d", spelled, got, id)
		}
		_, err := b.Register(t.Context(), &userv1.RegisterRequest{Username: spelled, Password: "other"})
		wantReason(t, err, userv1.ErrorReason_ERROR_REASON_USERNAME_TAKEN)
	}
}

// storedBefore opens an account as it was stored when names were compared by case
// only and passwords hashed as they came.
func (b *bundle) storedBefore(t *testing.T, name, password string) int64 {
	t.Helper()
	hash, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	id, err := b.ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	err = b.store.insertAccount(t.Context(), newAccount{ID: id, Name: name, NameKey: username.Folded(name), PasswordHash: hash}, b.newSession(id), "")
	if err != nil {
		t.Fatalf("account %+q: %v", name, err)
	}
	return id
}

func TestAccountsThatWouldBeRefusedTodayStillLogIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"ﬁsh", "\u200b", "\u3164", "a\u200dda", "Straße", "ΑΛΕΞΙΟΣ", "cafe\u0301", "a  b", "İstanbul", "\u202eada", "❤\ufe0f"} {
		id := b.storedBefore(t, name, "secret")
		for _, spelled := range []string{name, " " + name + " "} {
			if got := verified(t, b.Service, b.login(t, spelled, "secret")).GetUserId(); got != id {
				t.Errorf("%+q logged %d in, want %d", spelled, got, id)
			}
		}
		// Whatever spelling reaches the account, its budget is one.
		if username.Key(username.Folded(name)) != username.Key(name) && !strings.ContainsAny(name, "Ι") {
			t.Errorf("%+q has two budgets", name)
		}
	}
	for _, name := range []string{"Straße", "STRAßE", "αλεξιος", "İSTANBUL"} {
		_, err := b.Register(t.Context(), &userv1.RegisterRequest{Username: name, Password: "other"})
		wantReason(t, err, userv1.ErrorReason_ERROR_REASON_USERNAME_TAKEN)
	}
	// Who registers what such a name looks like does not take its account over.
	id, _ := b.register(t, "fish", "another")
	if got := verified(t, b.Service, b.login(t, "ﬁsh", "secret")).GetUserId(); got == id {
		t.Error("the old account's owner logged in as another")
	}
	if got := verified(t, b.Service, b.login(t, "FISH", "another")).GetUserId(); got != id {
		t.Errorf("logged %d in, want %d", got, id)
	}
}

func TestOldHashOfAPasswordOpensAndIsMadeAnew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const composed, decomposed = "caf\u00e9", "cafe\u0301"
	id := b.storedBefore(t, "ada", decomposed)
	before, err := b.store.credentialsOf(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	b.login(t, "ada", decomposed)
	after, err := b.store.credentialsOf(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if after.PasswordHash == before.PasswordHash {
		t.Error("the hash was not made anew")
	}
	b.login(t, "ada", decomposed)
	b.login(t, "ada", composed)
}

// Registrations come until some are refused: those leave nothing, and a login is
// served in between.
func TestRegistrationsLeaveRoomForLogins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.passwords = auth.NewPasswords(1, 1)
	b.register(t, "ada", "secret")
	const most = 5000
	var wg sync.WaitGroup
	var done, callers atomic.Int64
	refused := make(chan error, most)
	for callers.Load() < most && len(refused) == 0 {
		for range 50 {
			name := fmt.Sprintf("user %d", callers.Add(1))
			wg.Go(func() {
				if _, err := b.Register(t.Context(), &userv1.RegisterRequest{Username: name, Password: "p"}); err != nil {
					refused <- err
				} else {
					done.Add(1)
				}
			})
		}
		runtime.Gosched()
	}
	b.login(t, "ada", "secret")
	before := done.Load()
	wg.Wait()
	close(refused)
	for err := range refused {
		wantCode(t, err, connect.CodeResourceExhausted)
		if f, _ := fault.As(err); f.RetryAfter() < 1 {
			t.Errorf("no time to try again at: %v", err)
		}
	}
	if before == done.Load() {
		t.Error("the login waited for all registrations")
	}
	if n := b.count(t, "account"); int64(n) != done.Load()+1 {
		t.Errorf("%d accounts, want %d", n, done.Load()+1)
	}
}
