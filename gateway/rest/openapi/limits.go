package openapi

import (
	"fmt"
	"slices"
	"strconv"

	"douyin.dev/gateway/policy"
	optionsv1 "douyin.dev/gen/douyin/options/v1"
)

// Rate is how often something may be done: Burst at once, then PerSecond. Without
// a burst there is no limit.
type Rate struct {
	Burst     int
	PerSecond float64
}

// Limits are those that operators set. What is zero has no limit, or one that the
// document does not give.
type Limits struct {
	// UploadBytes is the largest file.
	UploadBytes int64
	// Action is of each user and kind of action, Login of each account, Registration
	// of each client, Views of each user or else client.
	Action, Login, Registration, Views Rate
}

// ofUpload is the sentence about the largest file.
func (l Limits) ofUpload() string {
	if l.UploadBytes == 0 {
		return ""
	}
	return fmt.Sprintf(" At most %d bytes.", l.UploadBytes)
}

// budgets are the sentences about what a call of an operation counts against.
func (b *builder) budgets(op *operation) (string, error) {
	var text string
	var said []optionsv1.Budget
	for _, r := range op.routes {
		declared, err := policy.Of(r.RPC)
		if err != nil {
			return "", err
		}
		for _, budget := range declared.Budgets {
			if !slices.Contains(said, budget) {
				said = append(said, budget)
				text += b.limits.of(budget)
			}
		}
	}
	return text, nil
}

func (l Limits) of(budget optionsv1.Budget) string {
	switch budget {
	case optionsv1.Budget_BUDGET_ACTION:
		return l.Action.sentence("A user may do this")
	case optionsv1.Budget_BUDGET_LOGIN:
		return l.Login.sentence("Attempts per account are allowed")
	case optionsv1.Budget_BUDGET_REGISTRATION:
		return l.Registration.sentence("Registrations per client are allowed")
	case optionsv1.Budget_BUDGET_VIEWS:
		return l.Views.sentence("A user, or else a client, may do this")
	default:
		return ""
	}
}

// sentence says the rate of what subject names.
func (r Rate) sentence(subject string) string {
	if r.Burst <= 0 {
		return ""
	}
	perSecond := strconv.FormatFloat(r.PerSecond, 'f', -1, 64)
	return fmt.Sprintf(" %s %d times at once, then %s times a second; more is answered with status_code 10009.", subject, r.Burst, perSecond)
}
