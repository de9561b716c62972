package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestCallsOfAClientGoOnInTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2)
		one, other := KeyOfUser(1), KeyOfUser(2)
		enter := func(k Key) func() {
			leave, err := turns.Wait(t.Context(), k)
			if err != nil {
				t.Fatal(err)
			}
			return leave
		}
		first, second := enter(one), enter(one)
		third := make(chan func())
		go func() { third <- enter(one) }()
		synctest.Wait()
		select {
		case <-third:
			t.Fatal("a third call of a client went on beside two")
		default:
		}
		enter(other)() // is not in the way
		first()
		(<-third)()
		second()
		if len(turns.clients) != 0 {
			t.Errorf("%d clients without calls are remembered", len(turns.clients))
		}
	})
}

func TestACallThatIsGivenUpWaitsForNoTurn(t *testing.T) {
	t.Parallel()
	turns := NewTurns(1)
	leave, err := turns.Wait(t.Context(), KeyOfUser(1))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.Wait(ctx, KeyOfUser(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	leave()
	if len(turns.clients) != 0 {
		t.Errorf("%d clients without calls are remembered", len(turns.clients))
	}
}

func TestWithoutALimitNobodyWaits(t *testing.T) {
	t.Parallel()
	turns := NewTurns(0)
	for range 3 {
		if _, err := turns.Wait(t.Context(), KeyOfUser(1)); err != nil {
			t.Fatal(err)
		}
	}
}
