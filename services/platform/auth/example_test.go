package auth_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"douyin.dev/services/platform/auth"
)

// One service signs who is logged in, and every other one checks it by the public keys alone.
func ExampleVerifier() {
	key, err := auth.NewKey(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	issuer := auth.NewIssuer(time.Now, key)
	token, err := issuer.SignViewer(42, "session", time.Minute)
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := auth.NewVerifier(auth.VerifierOptions{
		Keys: auth.StaticKeys(issuer.Public()...), Audience: auth.AudienceMesh, Now: time.Now,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	verified, err := verifier.Verify(context.Background(), token)
	fmt.Println(verified.Viewer.UserID, err)

	_, err = verifier.Verify(context.Background(), token+"x")
	fmt.Println(err != nil)
	// Output:
	// 42 <nil>
	// true
}

// A handler of an RPC that needs a viewer begins like this.
func ExampleMustViewer() {
	_, err := auth.MustViewer(context.Background())
	fmt.Println(err)

	ctx := auth.WithViewer(context.Background(), auth.Viewer{UserID: 42})
	viewer, err := auth.MustViewer(ctx)
	fmt.Println(viewer.UserID, err)
	// Output:
	// unauthenticated: login needed
	// 42 <nil>
}
