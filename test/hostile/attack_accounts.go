package hostile

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"douyin.dev/test/harness"
)

// Values of status_code that attacks look for.
const (
	codeWrongPassword = 10002
)

const (
	// registrationsPerAddress and loginsPerAccount are the budgets: what may be done at once.
	registrationsPerAddress, loginsPerAccount = 20, 20
	// budgetSlack is what comes back while an attack lasts.
	budgetSlack = 8
)

// registrationsFromOneAddress registers 300 accounts at once: an address has a budget.
func registrationsFromOneAddress(ctx context.Context, a *Attacker) error {
	accepted := a.registerAtOnce(ctx, 300, 1, nil)
	return within(accepted, registrationsPerAddress, "registrations of one address")
}

// registrationsFromManyAddresses registers 300 accounts at once from 150
// addresses: few registrations wait for a hash, and a login goes before them.
func registrationsFromManyAddresses(ctx context.Context, a *Attacker) error {
	a.registerAtOnce(ctx, 300, 150, nil)
	return nil
}

// spoofedAddresses registers 100 accounts that claim an address each, and logs in
// with the address of honest clients: what a client claims about its address is
// not believed.
func spoofedAddresses(ctx context.Context, a *Attacker) error {
	claims := func(address string) http.Header {
		return http.Header{
			"X-Forwarded-For": {address}, "Forwarded": {"for=" + address}, "X-Real-Ip": {address}, "True-Client-Ip": {address}, "Cf-Connecting-Ip": {address},
		}
	}
	accepted := a.registerAtOnce(ctx, 100, 1, func(i int) http.Header { return claims(fmt.Sprintf("198.51.100.%d", i)) })
	if err := within(accepted, registrationsPerAddress, "registrations of one address that claims others"); err != nil {
		return err
	}
	// The budget of an address is ten times that of an account; it is spent in the honest clients' name.
	victim := a.client(0).WithHeader(claims("127.0.0.1"))
	flood(ctx, 400, 200, 16, func(ctx context.Context, i int) {
		_, _ = victim.Post(ctx, "/douyin/user/login/", "username", fmt.Sprintf("nobody%d", i), "password", "x")
	})
	return nil
}

// registerAtOnce registers accounts at the same time from so many addresses, and
// returns how many were made.
func (a *Attacker) registerAtOnce(ctx context.Context, accounts, addresses int, header func(i int) http.Header) int64 {
	clients := make([]*harness.Client, addresses)
	for i := range clients {
		clients[i] = a.client(i)
	}
	var made atomic.Int64
	flood(ctx, accounts, 10_000, accounts, func(ctx context.Context, i int) {
		client := clients[i%addresses]
		if header != nil {
			client = client.WithHeader(header(i))
		}
		answer, err := client.Post(ctx, "/douyin/user/register/", "username", harness.Name("r"), "password", password)
		if err == nil && answer.Code() == 0 {
			made.Add(1)
		}
	})
	return made.Load()
}

func within(n int64, budget int, what string) error {
	if most := int64(budget + budgetSlack); n > most {
		return fmt.Errorf("%d %s were accepted, want at most %d", n, what, most)
	}
	return nil
}

// spellingsOfOneName guesses the password of one account from 40 addresses, its
// name in ever other spellings: one name has one budget.
func spellingsOfOneName(ctx context.Context, a *Attacker) error {
	victim, err := a.register(ctx, 0)
	if err != nil {
		return err
	}
	spellings := spell("s" + victim.name) // has an s that can be long
	var guesses atomic.Int64
	flood(ctx, 120, 60, 16, func(ctx context.Context, i int) {
		answer, err := a.client(i%40).Post(ctx, "/douyin/user/login/", "username", spellings[i%len(spellings)], "password", "wrong")
		if err == nil && answer.Code() == codeWrongPassword {
			guesses.Add(1)
		}
	})
	return within(guesses.Load(), loginsPerAccount, "guesses of one account's password")
}

// spell returns spellings of a name that look alike or are the same to an account:
// upper case, blanks of any kind before and after, the long s, full width.
func spell(name string) []string {
	var full strings.Builder
	for _, r := range name {
		if r > ' ' && r <= '~' {
			r += 0xFEE0
		}
		full.WriteRune(r)
	}
	bases := []string{name, strings.ToUpper(name), strings.Replace(name, "s", "ſ", 1), full.String()}
	all := []string{}
	for _, blank := range []string{"", " ", "\u00a0", "\u3000", "\t", "\u2009", "  ", " \u00a0"} {
		for _, base := range bases {
			all = append(all, blank+base, base+blank)
		}
	}
	return all
}

// loginsBehindTheProxy logs in 400 times and then twice a second through the proxy
// that honest clients come through, too: clients behind a trusted proxy are told apart.
func loginsBehindTheProxy(ctx context.Context, a *Attacker) error {
	client := harness.NewClientFrom(a.URL, ProxyAddress, false)
	defer client.CloseIdle()
	client = client.WithHeader(http.Header{"X-Forwarded-For": {"203.0.113.66"}})
	guess := func(ctx context.Context, i int) {
		_, _ = client.Post(ctx, "/douyin/user/login/", "username", fmt.Sprintf("nobody%d", i), "password", "x")
	}
	flood(ctx, 400, 400, 16, guess)
	for i := 0; ctx.Err() == nil; i++ {
		guess(ctx, i)
		pause(ctx, time.Second/2)
	}
	return nil
}
