package durability

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"douyin.dev/test/harness"
)

// page reads one page of a list and the token of the next.
func page[T any](ctx context.Context, client *harness.Client, path, key, token string, params ...string) ([]T, string, error) {
	answer, err := client.Get(ctx, path, append([]string{"page_size", pageSize, "page_token", token}, params...)...)
	if err != nil {
		return nil, "", err
	}
	fields := map[string]json.RawMessage{}
	if err := decode(answer, &fields); err != nil {
		return nil, "", err
	}
	var items []T
	if err := json.Unmarshal(fields[key], &items); err != nil {
		return nil, "", fmt.Errorf("%s of %s: %w", key, path, err)
	}
	var next string
	if err := json.Unmarshal(fields["next_page_token"], &next); err != nil {
		return nil, "", fmt.Errorf("next_page_token of %s: %w", path, err)
	}
	return items, next, nil
}

// errUnavailable says that an answer was 50002: a store may still be starting.
var errUnavailable = errors.New("temporarily unavailable")

// decode reads an answer that must say 0.
func decode(answer *harness.Answer, into any) error {
	if answer.Code() == codeUnavailable {
		return fmt.Errorf("%w: %s", errUnavailable, answer)
	}
	if answer.Code() != 0 {
		return fmt.Errorf("want status_code 0: %s", answer)
	}
	return answer.Decode(into)
}
