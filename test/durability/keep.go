package durability

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"

	"golang.org/x/sync/errgroup"

	"douyin.dev/test/harness"
)

// ReadKept reads what takes longer than lists: whether accounts and sessions are
// open, and what the URLs of videos answer, of deleted ones too.
func (w *World) ReadKept(ctx context.Context, h History, s *State) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	var accounts []Account
	var tokens []string // of the accounts
	type file struct{ play, cover string }
	var files []file
	var media []Media
	for _, v := range s.Videos {
		files, media = append(files, file{v.PlayURL, v.CoverURL}), append(media, Media{Title: v.Title})
	}
	for _, op := range h.Operations {
		switch op.Kind {
		case Register:
			accounts, tokens = append(accounts, Account{Name: op.Key}), append(tokens, op.Token)
		case Unpublish:
			files, media = append(files, file{play: op.PlayURL}), append(media, Media{Title: op.Key})
		}
	}
	for i := range accounts {
		group.Go(func() error { return w.readAccount(ctx, &accounts[i], tokens[i]) })
	}
	for i, f := range files {
		group.Go(func() (err error) {
			if media[i].Play, err = fetch(ctx, f.play); err == nil && f.cover != "" {
				media[i].Cover, err = fetch(ctx, f.cover)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("read what is kept: %w", err)
	}
	s.Accounts, s.Media = accounts, media
	return nil
}

// readAccount logs in, and shows the token of the registration.
func (w *World) readAccount(ctx context.Context, account *Account, token string) error {
	answer, err := admitted(ctx, func() (*harness.Answer, error) {
		return w.anonymous.Post(ctx, "/douyin/user/login/", "username", account.Name, "password", password)
	})
	if err != nil {
		return err
	}
	if answer.Code() == 0 {
		var session struct {
			UserID int64 `json:"user_id"`
		}
		if err := answer.Decode(&session); err != nil {
			return err
		}
		account.ID = session.UserID
	}
	if token == "" {
		return nil
	}
	answer, err = w.anonymous.WithToken(token).Get(ctx, "/douyin/user/")
	if err != nil {
		return err
	}
	account.Session = answer.Code() == 0
	return nil
}

// fetch returns the SHA-256 of what a URL answers, or its status.
func fetch(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return res.Status, nil
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, res.Body); err != nil {
		return "", fmt.Errorf("fetch %s: %w", url, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// sum is the SHA-256 of a file, in hexadecimal.
func sum(file []byte) string {
	hash := sha256.Sum256(file)
	return hex.EncodeToString(hash[:])
}
