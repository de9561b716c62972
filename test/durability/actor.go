package durability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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
	extra      []ownVideo   // videos that may be deleted: nobody else knows them
	accounts   []Operation  // registrations whose session may be ended
}

type ownVideo struct {
	id           int64
	key, playURL string
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
	// refusalPause is the time between a refusal and the client's next operation.
	refusalPause = 250 * time.Millisecond
	// repeat is one in how many acknowledged keys is sent again.
	repeat = 20
	// publishes is one in how many operations is a publish, which costs as much as hundreds of
	// others, and registers one in how many is a registration, which costs a hash.
	publishes, registers = 200, 100
)

// act makes one operation and records how it ended.
func (a *actor) act(ctx context.Context) {
	op := a.choose()
	call, key := a.call(&op)
	op.Outcome = a.attempt(ctx, &op, call)
	if op.Outcome == OK {
		a.made(ctx, op)
	}
	if op.Key != "" && op.Outcome == OK && a.random.IntN(repeat) == 0 {
		a.attempt(ctx, &op, call) // its answer must be the same; its outcome says nothing new
	}
	if key != "" {
		op.Key = key
	}
	a.operations = append(a.operations, op)
}

// made remembers what a later operation may take back.
func (a *actor) made(ctx context.Context, op Operation) {
	switch {
	case op.Kind == Comment && len(op.Answers) > 0:
		a.own = append(a.own, ownComment{video: op.Target, id: op.Answers[0], key: op.Key})
	case op.Kind == Publish:
		published, err := a.published(ctx)
		if err != nil {
			return // down: it stays
		}
		for _, v := range published {
			if v.Title == op.Key {
				a.extra = append(a.extra, ownVideo{id: v.ID, key: op.Key, playURL: v.PlayURL})
			}
		}
	case op.Kind == Register && op.Token != "":
		a.accounts = append(a.accounts, op)
	}
}

// choose draws an operation.
func (a *actor) choose() Operation {
	op := Operation{Actor: a.id}
	key := fmt.Sprintf("%s-%d", a.name, len(a.operations))
	video := a.world.videos[a.random.IntN(len(a.world.videos))]
	other := a.peer()
	switch {
	case a.random.IntN(publishes) == 0:
		op.Kind, op.Key = Publish, key
		return op
	case len(a.extra) > 0 && a.random.IntN(20) == 0:
		op.Kind = Unpublish
		return op
	case a.random.IntN(registers) == 0:
		op.Kind, op.Key = Register, strings.TrimPrefix(key, "run_")
		return op
	case len(a.accounts) > 0 && a.random.IntN(20) == 0:
		op.Kind = Logout
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

// call is the request of an operation, and for one that takes another back the
// key of that one, which is no idempotency key of this call.
func (a *actor) call(op *Operation) (call harness.Call, takesBack string) {
	form := url.Values{}
	call.Form = form
	switch op.Kind {
	case Publish:
		call, op.Sum = a.world.publish(op.Key)
		return call, ""
	case Unpublish:
		video := pop(&a.extra)
		op.PlayURL = video.playURL
		form.Set("video_id", strconv.FormatInt(video.id, 10))
		call.Path = "/douyin/publish/delete"
		return call, video.key
	case Register:
		form.Set("username", op.Key)
		form.Set("password", password)
		call.Path = "/douyin/user/register/"
		return call, ""
	case Logout:
		account := pop(&a.accounts)
		call.Path = "/douyin/user/logout"
		call.Query = url.Values{"token": {account.Token}}
		return call, account.Key
	}
	action, target := "1", "video_id"
	switch op.Kind {
	case Like:
		call.Path = "/douyin/favorite/action/"
	case Follow:
		call.Path, target = "/douyin/relation/action/", "to_user_id"
	case Comment:
		call.Path = "/douyin/comment/action/"
		form.Set("comment_text", op.Key)
	case Uncomment:
		comment := pop(&a.own)
		takesBack = comment.key
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
	return call, takesBack
}

// password of every account.
const password = "secret"

// pop takes the last entry.
func pop[T any](all *[]T) T {
	last := (*all)[len(*all)-1]
	*all = (*all)[:len(*all)-1]
	return last
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
			op.Code = answer.Code()
			outcome, final := judge(op.Kind, answer, lost)
			if outcome == OK {
				op.answered(answer)
			}
			if final {
				if outcome == Fail { // a client that is refused does not come again at once
					pause(ctx, refusalPause)
				}
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
	codeNameTaken      = 10001
	codeLoginNeeded    = 10004
	codeTooMany        = 10009
	codeNoVideo        = 10016
	codeNoComment      = 10017
	codeInternal       = 50001
	codeUnavailable    = 50002
	codeOutcomeUnknown = 50003
)

// repeated is what an operation is answered when an earlier attempt, whose answer
// was lost, had taken effect.
var repeated = map[Kind]int64{
	Uncomment: codeNoComment, Unpublish: codeNoVideo, Register: codeNameTaken, Logout: codeLoginNeeded,
}

// judge says how an answered attempt ended, and whether there is a point in
// another one. A refusal says that this attempt had no effect, not that an
// earlier, lost one had none.
func judge(kind Kind, answer *harness.Answer, lost bool) (outcome Outcome, final bool) {
	switch code := answer.Code(); {
	case code == 0:
		return OK, true
	case lost && repeated[kind] != 0 && code == repeated[kind]:
		return OK, true
	case code == codeInternal || code == codeOutcomeUnknown:
		return Unknown, false // promise nothing
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
		UserID  int64 `json:"user_id"`
		Token   string
	}
	if answer.Decode(&made) != nil || answer.Code() != 0 {
		return
	}
	switch {
	case op.Kind == Register && op.Token == "":
		op.Answers, op.Token = append(op.Answers, made.UserID), made.Token
	case op.Kind == Comment && made.Comment != nil:
		op.Answers = append(op.Answers, made.Comment.ID)
	case op.Kind == Message && made.Message != nil:
		op.Answers = append(op.Answers, made.Message.ID)
	}
}
