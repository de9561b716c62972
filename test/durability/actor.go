package durability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"douyin.dev/test/harness"
)

// actor is one client: a user who makes one operation after the other.
type actor struct {
	id     int64
	name   string
	client *harness.Client
	videos []int64 // published by this user
	world  *World
	random *rand.Rand

	operations []Operation
	retries    int
	own        []ownComment // comments that may be deleted
}

type ownComment struct {
	video, id int64
	key       string
}

const (
	// peers is how many others an actor writes to: few, so that conversations grow.
	peers = 3
	// patience bounds an operation with all its attempts; a restart takes seconds.
	patience = 2 * time.Minute
	// giveUp is one in how many lost answers is not asked for again, and stays unknown.
	giveUp = 4
	// repeat is one in how many acknowledged keys is sent again.
	repeat = 20
	// publishes is one in how many operations is a publish, which costs as much as hundreds of others.
	publishes = 1000
)

// act makes one operation and records how it ended.
func (a *actor) act(ctx context.Context) {
	op := a.choose()
	call, comment := a.call(&op)
	op.Outcome = a.attempt(ctx, &op, call)
	if op.Kind == Comment && op.Outcome == OK && len(op.Answers) > 0 {
		a.own = append(a.own, ownComment{video: op.Target, id: op.Answers[0], key: op.Key})
	}
	if op.Kind == Uncomment {
		a.own = a.own[:len(a.own)-1]
		op.Key = comment.key
	}
	if op.Key != "" && op.Outcome == OK && op.Kind != Uncomment && a.random.IntN(repeat) == 0 {
		a.attempt(ctx, &op, call) // its answer must be the same; its outcome says nothing new
	}
	a.operations = append(a.operations, op)
}

// choose draws an operation.
func (a *actor) choose() Operation {
	op := Operation{Actor: a.id}
	key := fmt.Sprintf("%s-%d", a.name, len(a.operations))
	video := a.world.videos[a.random.IntN(len(a.world.videos))]
	other := a.peer()
	if a.random.IntN(publishes) == 0 {
		op.Kind, op.Key = Publish, key
		return op
	}
	switch draw := a.random.IntN(100); {
	case draw < 30:
		op.Kind, op.Target, op.On = Like, video, a.random.IntN(3) > 0
	case draw < 50:
		op.Kind, op.Target, op.On = Follow, other, a.random.IntN(3) > 0
	case draw < 75:
		op.Kind, op.Target, op.Key = Comment, video, key
	case draw < 80 && len(a.own) > 0:
		op.Kind, op.Target = Uncomment, a.own[len(a.own)-1].video
	default:
		op.Kind, op.Target, op.Key = Message, other, key
	}
	return op
}

// peer draws one of the few others this actor deals with.
func (a *actor) peer() int64 {
	all := a.world.actors
	self := 0
	for i := range all {
		if all[i] == a {
			self = i
		}
	}
	return all[(self+1+a.random.IntN(min(peers, len(all)-1)))%len(all)].id
}

// call is the request of an operation; for Uncomment also the comment it means.
func (a *actor) call(op *Operation) (harness.Call, ownComment) {
	if op.Kind == Publish {
		return a.world.publish(op.Key), ownComment{}
	}
	form, comment := url.Values{}, ownComment{}
	action, target := "1", "video_id"
	call := harness.Call{Form: form}
	switch op.Kind {
	case Like:
		call.Path = "/douyin/favorite/action/"
	case Follow:
		call.Path, target = "/douyin/relation/action/", "to_user_id"
	case Comment:
		call.Path = "/douyin/comment/action/"
		form.Set("comment_text", op.Key)
	case Uncomment:
		comment = a.own[len(a.own)-1]
		call.Path, action = "/douyin/comment/action/", "2"
		form.Set("comment_id", strconv.FormatInt(comment.id, 10))
	case Message:
		call.Path, target = "/douyin/message/action/", "to_user_id"
		form.Set("content", op.Key)
	}
	if (op.Kind == Like || op.Kind == Follow) && !op.On {
		action = "2"
	}
	form.Set("action_type", action)
	form.Set(target, strconv.FormatInt(op.Target, 10))
	if op.Key != "" {
		call.Header = http.Header{"Idempotency-Key": {op.Key}}
	}
	return call, comment
}

// attempt sends a call until its outcome is known, and takes the answered id.
func (a *actor) attempt(ctx context.Context, op *Operation, call harness.Call) Outcome {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lost := false // an earlier attempt may have taken effect
	for {
		answer, err := a.client.Do(ctx, call)
		switch {
		case err != nil && harness.NotSent(err):
		case err != nil:
			lost = true
			if a.random.IntN(giveUp) == 0 {
				return Unknown
			}
		default:
			outcome, final := judge(op.Kind, answer, lost)
			if outcome == OK {
				op.answered(answer)
			}
			if final {
				return outcome
			}
			lost = lost || outcome == Unknown
		}
		a.retries++
		select {
		case <-ctx.Done():
			if lost {
				return Unknown
			}
			return Fail
		case <-time.After(50 * time.Millisecond):
		}
	}
}

const (
	codeTooMany     = 10009
	codeNoComment   = 10017
	codeInternal    = 50001
	codeUnavailable = 50002
)

// judge says how an answered attempt ended, and whether there is a point in
// another one. A refusal says that this attempt had no effect, not that an
// earlier, lost one had none.
func judge(kind Kind, answer *harness.Answer, lost bool) (outcome Outcome, final bool) {
	switch code := answer.Code(); {
	case code == 0:
		return OK, true
	case kind == Uncomment && code == codeNoComment && lost:
		return OK, true // the lost attempt deleted it
	case code == codeInternal:
		return Unknown, false // promises nothing
	case (code == codeTooMany || code == codeUnavailable) && lost:
		return Unknown, false
	case lost:
		return Unknown, true
	default:
		return Fail, true
	}
}

// answered takes the id of what was made.
func (op *Operation) answered(answer *harness.Answer) {
	var made struct {
		Comment *harness.Comment
		Message *harness.Message
	}
	if answer.Decode(&made) != nil {
		return
	}
	switch {
	case op.Kind == Comment && made.Comment != nil:
		op.Answers = append(op.Answers, made.Comment.ID)
	case op.Kind == Message && made.Message != nil:
		op.Answers = append(op.Answers, made.Message.ID)
	}
}
