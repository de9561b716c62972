package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"
)

// passwordParams are OWASP's for argon2id: 19 MiB, two passes, one lane. About
// 25 ms of one core.
var passwordParams = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// A stored hash may ask for more than ours, but not for the whole machine.
const (
	maxMemory     = 256 << 10 // KiB
	maxIterations = 16
)

// Passwords hashes and checks passwords, a few at a time: each takes 19 MiB and
// a core, and a wave of logins must not take all of both. While others wait for
// a core, hashing uses a part of the cores at most. When more than two seconds of
// hashing wait, callers are refused with fault.TooMany.
//
// A password is hashed in Unicode's NFC: keyboards differ in whether they compose
// an accented letter. Safe for concurrent use.
type Passwords struct {
	queue  *hashQueue
	nobody string
	// crowded reports whether others wait for a core.
	crowded func() bool
	// restPerHash is how long a slot rests in a crowd, in times of the hash's own.
	restPerHash float64
}

// NewPasswords returns a hasher that does at most concurrent hashes at a time;
// 0 means one for every two cores the process may use, and one at least. While
// others wait for a core it uses no more than a share of them, 0 to 1; they lose
// somewhat more than that.
func NewPasswords(concurrent int, share float64) *Passwords {
	cores := runtime.GOMAXPROCS(0)
	if concurrent <= 0 {
		concurrent = max(cores/2, 1)
	}
	return &Passwords{
		queue: newHashQueue(concurrent), nobody: nobodysHash(), crowded: new(crowd).waits,
		restPerHash: restPerHash(concurrent, cores, share),
	}
}

// BoundWait sets how much hashing may wait before further callers are refused; 2 s
// without it. It is called before the first hash.
func (p *Passwords) BoundWait(most time.Duration) { p.queue.maxWait = most }

func restPerHash(concurrent, cores int, share float64) float64 {
	if share <= 0 {
		return 0
	}
	return max(float64(concurrent)/(share*float64(cores))-1, 0)
}

// Hash returns the PHC string of a password, with a new salt each time.
func (p *Passwords) Hash(ctx context.Context, priority Priority, password string) (string, error) {
	if err := p.queue.enter(ctx, priority); err != nil {
		return "", err
	}
	defer p.leave(time.Now())
	hash, err := argon2id.CreateHash(norm.NFC.String(password), &passwordParams)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return hash, nil
}

// Verify reports whether hash was made from password and, if it was, whether it
// should be made anew: because the parameters have risen since, or because it was
// made from the password as it came, before passwords were put into NFC.
func (p *Passwords) Verify(ctx context.Context, password, hash string) (ok, needsRehash bool, err error) {
	if err := checkParams(hash); err != nil {
		return false, false, err
	}
	if err := p.queue.enter(ctx, ForAccount); err != nil {
		return false, false, err
	}
	defer p.leave(time.Now())
	composed := norm.NFC.String(password)
	ok, params, err := argon2id.CheckHash(composed, hash)
	asItCame := err == nil && !ok && composed != password
	if asItCame {
		ok, params, err = argon2id.CheckHash(password, hash)
	}
	if err != nil {
		return false, false, fmt.Errorf("check password: %w", err)
	}
	return ok, ok && (asItCame || weaker(params, &passwordParams)), nil
}

// VerifyNobody costs as much as Verify and answers nothing: call it when no
// user has the name, so that the time taken does not tell.
func (p *Passwords) VerifyNobody(ctx context.Context, password string) error {
	_, _, err := p.Verify(ctx, password, p.nobody)
	return err
}

// leave gives a slot back; in a crowd after a rest, which its caller does not wait for.
func (p *Passwords) leave(began time.Time) {
	if p.restPerHash == 0 || !p.crowded() {
		p.queue.leave(time.Since(began))
		return
	}
	time.AfterFunc(time.Duration(float64(time.Since(began))*p.restPerHash), func() { p.queue.leave(time.Since(began)) })
}

// checkParams refuses hashes that argon2 would panic on or that ask for too much.
func checkParams(hash string) error {
	params, salt, key, err := argon2id.DecodeHash(hash)
	if err != nil {
		return fmt.Errorf("read password hash: %w", err)
	}
	if params.Iterations < 1 || params.Iterations > maxIterations || params.Memory > maxMemory ||
		params.Parallelism < 1 || len(salt) < 8 || len(key) < 16 || len(key) > 64 {
		return errors.New("password hash has parameters out of range")
	}
	return nil
}

func weaker(a, b *argon2id.Params) bool {
	return a.Memory < b.Memory || a.Iterations < b.Iterations || a.SaltLength < b.SaltLength || a.KeyLength < b.KeyLength
}

// nobodysHash is well formed and belongs to no password.
func nobodysHash() string {
	zeros := func(n uint32) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", passwordParams.Memory, passwordParams.Iterations,
		passwordParams.Parallelism, zeros(passwordParams.SaltLength), zeros(passwordParams.KeyLength))
}
