package gateway

import (
	"context"
	"math"
	"strconv"

	"douyin.dev/gateway/rest"
	optionsv1 "douyin.dev/gen/douyin/options/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/limit"
	"douyin.dev/services/platform/username"
)

// addressFactor is how many accounts may log in behind one address.
const addressFactor = 10

// allow counts an action against its user's budget. The budgets of login,
// registration and views, which guests spend, are spent by their handlers.
func (g *Gateway) allow(ctx context.Context, procedure string) error {
	viewer, ok := auth.ViewerFrom(ctx)
	if !ok || !g.Policies.Of(procedure).Spends(optionsv1.Budget_BUDGET_ACTION) {
		return nil
	}
	return g.spend(ctx, procedure, strconv.FormatInt(viewer.UserID, 10), g.Settings.ActionBurst, g.Settings.ActionRate)
}

// allowLogin counts an attempt against the account's and the address's budget.
func (g *Gateway) allowLogin(ctx context.Context, name string) error {
	if err := g.allowLoginFrom(ctx); err != nil {
		return err
	}
	return g.spend(ctx, "login-account", username.Key(name), g.Settings.LoginBurst, g.Settings.LoginRate)
}

// allowLoginFrom counts an attempt against the address's budget.
func (g *Gateway) allowLoginFrom(ctx context.Context) error {
	address := rest.CallFrom(ctx).Origin.Client.String()
	return g.spend(ctx, "login-address", address, g.Settings.LoginBurst*addressFactor, g.Settings.LoginRate*addressFactor)
}

// allowRegistration counts a registration against its client's budget.
func (g *Gateway) allowRegistration(ctx context.Context) error {
	return g.spend(ctx, "register-address", rest.CallFrom(ctx).Origin.Client.String(), g.Settings.RegisterBurst, g.Settings.RegisterRate)
}

// allowViews counts a report of views against its user's budget, or of a guest
// against its client's.
func (g *Gateway) allowViews(ctx context.Context) error {
	bucket, key := "views-address", rest.CallFrom(ctx).Origin.Client.String()
	if viewer, ok := auth.ViewerFrom(ctx); ok {
		bucket, key = "views-user", strconv.FormatInt(viewer.UserID, 10)
	}
	return g.spend(ctx, bucket, key, g.Settings.ViewBurst, g.Settings.ViewRate)
}

func (g *Gateway) spend(ctx context.Context, bucket, key string, burst int, rate float64) error {
	if burst <= 0 || g.Limiter == nil {
		return nil
	}
	ok, retryAfter := g.Limiter.Allow(ctx, bucket, key, limit.Rate{Burst: burst, PerSecond: rate})
	if ok {
		return nil
	}
	return fault.TooMany(int(math.Ceil(retryAfter.Seconds())))
}
