package user

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/username"
)

func TestRegisterThenLogin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, first := b.register(t, "  Ada Lovelace ", " secret ")
	if id <= 0 || id >= 1<<53 {
		t.Errorf("id %d is out of range", id)
	}
	second := b.login(t, "ada lovelace", " secret ")
	if first == second {
		t.Error("two logins share a session")
	}
	for _, token := range []string{first, second} {
		if got := verified(t, b.Service, token).GetUserId(); got != id {
			t.Errorf("token speaks for %d, want %d", got, id)
		}
	}
	users, err := b.store.users(t.Context(), []int64{id})
	if err != nil {
		t.Fatal(err)
	}
	if users[id].GetName() != "Ada Lovelace" {
		t.Errorf("got %v, want the trimmed name in its own case", users)
	}
	_, err = b.Login(t.Context(), &userv1.LoginRequest{Username: "Ada Lovelace", Password: "secret"})
	wantReason(t, err, userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS) // passwords are not trimmed
}

func TestNameBelongsToOneAccountWhateverTheRace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.instance(t, b.db)
	var wg sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		wg.Go(func() {
			// Each spells it in a case of its own.
			name := []byte("racing")
			for j := range 4 {
				if i>>j&1 == 1 {
					name[j] -= 'a' - 'A'
				}
			}
			_, errs[i] = []*Service{b.Service, other}[i%2].Register(t.Context(), &userv1.RegisterRequest{Username: string(name), Password: "p"})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantCode(t, err, connect.CodeAlreadyExists)
		wantReason(t, err, userv1.ErrorReason_ERROR_REASON_USERNAME_TAKEN)
	}
	got := []int{won, b.count(t, "username"), b.count(t, "account"), b.count(t, "session")}
	if diff := cmp.Diff([]int{1, 1, 1, 1}, got); diff != "" {
		t.Errorf("winners, names, accounts, sessions (-want +got):\n%s", diff)
	}
}

func TestStoreGivesTakenNameNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.register(t, "taken", "p")
	// As after the look and before the insert of a race that was lost.
	err := b.store.insertAccount(t.Context(), newAccount{ID: 7, Name: "Taken", NameKey: username.Key("Taken"), PasswordHash: "x"}, b.newSession(7), "")
	wantReason(t, err, userv1.ErrorReason_ERROR_REASON_USERNAME_TAKEN)
	if n := b.count(t, "account") + b.count(t, "session"); n != 2 {
		t.Errorf("%d rows of accounts and sessions, want the 2 of the first", n)
	}
}

func TestRegisterLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct{ username, password, field string }{
		"no name":                   {"", "p", "username"},
		"spaces for a name":         {" \t ", "p", "username"},
		"31 characters":             {strings.Repeat("a", 31), "p", ""},
		"32 characters":             {strings.Repeat("b", 32), "p", ""},
		"32 characters of 4 bytes":  {strings.Repeat("😀", 32), "p", ""},
		"33 characters":             {strings.Repeat("c", 33), "p", "username"},
		"zero byte in name":         {"a\x00b", "p", "username"},
		"line break in name":        {"a\nb", "p", "username"},
		"broken UTF-8 in name":      {"a\xffb", "p", "username"},
		"no password":               {"d", "", "password"},
		"255 character password":    {"e", strings.Repeat("é", 255), ""},
		"256 character password":    {"f", strings.Repeat("é", 256), ""},
		"257 character password":    {"g", strings.Repeat("é", 257), "password"},
		"password of one space":     {"h", " ", ""},
		"password with a zero byte": {"i", "a\x00b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := b.Register(t.Context(), &userv1.RegisterRequest{Username: c.username, Password: c.password})
			if c.field != "" {
				wantField(t, err, c.field)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLongPasswordIsNotTruncated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	long := strings.Repeat("x", 255)
	b.register(t, "long", long+"y")
	_, err := b.Login(t.Context(), &userv1.LoginRequest{Username: "long", Password: long + "z"})
	wantReason(t, err, userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS)
	b.login(t, "long", long+"y")
}

func TestUnknownUserAndWrongPasswordAnswerAlike(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.register(t, "known", "right")
	var answers []*connect.Error
	for _, req := range []*userv1.LoginRequest{
		{Username: "known", Password: "wrong"},
		{Username: "unknown", Password: "right"},
		{Username: "impossible\x00name", Password: "right"},
		{Username: strings.Repeat("long", 1000), Password: "right"},
		{Username: "known", Password: strings.Repeat("long", 1000)},
	} {
		_, err := b.Login(t.Context(), req)
		wantCode(t, err, connect.CodeUnauthenticated)
		wantReason(t, err, userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS)
		answers = append(answers, fault.ToWire(err))
	}
	for _, a := range answers {
		if diff := cmp.Diff(answers[0].Message(), a.Message()); diff != "" {
			t.Errorf("answers differ:\n%s", diff)
		}
	}
	_, err := b.Login(t.Context(), &userv1.LoginRequest{Password: "p"})
	wantField(t, err, "username")
	_, err = b.Login(t.Context(), &userv1.LoginRequest{Username: "known"})
	wantField(t, err, "password")
}

func TestLoginRehashesWeakHash(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.register(t, "old", "secret")
	weak, err := argon2id.CreateHash("secret", &argon2id.Params{Memory: 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.db.RW().Exec(t.Context(), `UPDATE account SET password_hash = $1 WHERE id = $2`, weak, id); err != nil {
		t.Fatal(err)
	}
	b.login(t, "old", "secret")
	after, err := b.store.credentialsOf(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if after.PasswordHash == weak {
		t.Error("the weak hash is still there")
	}
	b.login(t, "old", "secret")
}

func TestChangePasswordEndsEverySession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, first := b.register(t, "ada", "old")
	second := b.login(t, "ada", "old")
	verified(t, b.Service, second)
	ctx := b.as(t, first)

	_, err := b.ChangePassword(ctx, &userv1.ChangePasswordRequest{OldPassword: "guess", NewPassword: "new"})
	wantReason(t, err, userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS)
	verified(t, b.Service, second)
	_, err = b.ChangePassword(ctx, &userv1.ChangePasswordRequest{OldPassword: "old"})
	wantField(t, err, "new_password")
	_, err = b.ChangePassword(t.Context(), &userv1.ChangePasswordRequest{OldPassword: "old", NewPassword: "new"})
	wantCode(t, err, connect.CodeUnauthenticated)

	res, err := b.ChangePassword(ctx, &userv1.ChangePasswordRequest{OldPassword: "old", NewPassword: "new"})
	if err != nil {
		t.Fatal(err)
	}
	verified(t, b.Service, res.GetToken())
	wantRefused(t, b.Service, first)
	wantRefused(t, b.Service, second)
	_, err = b.Login(t.Context(), &userv1.LoginRequest{Username: "ada", Password: "old"})
	wantReason(t, err, userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS)
	b.login(t, "ada", "new")
}

// Two writes race: a login whose password was checked, and the change of that
// password. Whichever is first, no session of the old password is left.
func TestLoginDuringChangePasswordLeavesNoSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.register(t, "ada", "old")
	seen, err := b.store.credentialsOf(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	early, opened, late := b.newSession(id), b.newSession(id), b.newSession(id)

	login, err := b.db.RW().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	args := early.args()
	args["password_version"] = seen.PasswordVersion
	if tag, err := login.Exec(t.Context(), insertSessionSQL, args); err != nil || tag.RowsAffected() != 1 {
		t.Fatal(tag, err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := b.store.changePassword(t.Context(), opened, seen.PasswordVersion, "hash", ""); err != nil {
			t.Errorf("change of the password: %v", err)
		}
	})
	waitForWaiter(t, b.db)
	if err := login.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()

	change, err := b.db.RW().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := change.Exec(t.Context(), replacePasswordSQL, pgx.NamedArgs{
		"id": id, "password_version": seen.PasswordVersion + 1, "password_hash": "hash",
	}); err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		_, err := b.store.insertSession(t.Context(), late, seen.PasswordVersion+1, "")
		if !fault.HasReason(err, userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS) {
			t.Errorf("login with the password before: %v", err)
		}
	})
	waitForWaiter(t, b.db)
	if err := change.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()

	left, err := b.store.deleteSessions(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{opened.ID}, left); diff != "" {
		t.Errorf("sessions after the change (-want +got):\n%s", diff)
	}
}

func TestErrorsHoldNoPassword(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const canary = "canary-password"
	gone := b.pool(t)
	gone.Close()
	s := b.instance(t, gone)
	_, err := s.Register(t.Context(), &userv1.RegisterRequest{Username: "u", Password: canary})
	wantCode(t, err, connect.CodeUnavailable)
	_, loginErr := s.Login(t.Context(), &userv1.LoginRequest{Username: "u", Password: canary})
	wantCode(t, loginErr, connect.CodeUnavailable)
	if text := errors.Join(err, loginErr).Error(); strings.Contains(text, canary) {
		t.Errorf("error holds the password: %s", text)
	}
}
