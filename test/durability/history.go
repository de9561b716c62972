package durability

// Outcome is what a client knows about an operation.
type Outcome int

const (
	// OK was acknowledged: the effect must last.
	OK Outcome = iota
	// Fail was refused: there must be no effect.
	Fail
	// Unknown was never answered, or by 50003 alone: both are allowed.
	Unknown
)

// Kind is what an operation does.
type Kind int

const (
	// Like sets or takes back a like of Actor on the video Target.
	Like Kind = iota
	// Follow makes Actor follow or unfollow the user Target.
	Follow
	// Comment adds a comment of Actor to the video Target, with Key as its text.
	Comment
	// Uncomment deletes the comment that Key added.
	Uncomment
	// Message sends a message from Actor to the user Target, with Key as its content.
	Message
	// Publish publishes a video of Actor, with Key as its title.
	Publish
	// Unpublish deletes the video that Key published.
	Unpublish
	// Register makes an account with Key as its name. Answers are the user's ids.
	Register
	// Logout ends the session that registering the account Key began.
	Logout
)

// Operation is one thing a client tried, and how it ended after all retries.
type Operation struct {
	Kind   Kind
	Actor  int64
	Target int64
	// On says whether a Like or Follow sets or takes back.
	On bool
	// Key is the idempotency key; it is also the text that is written, so that a row shows where it came from.
	Key string
	// Answers are the ids answered for Key, one per acknowledged attempt.
	Answers []int64
	Outcome Outcome
	// Code is the status_code of the last answer.
	Code int64
	// Sum is the SHA-256 of the file that Publish sent, in hexadecimal.
	Sum string
	// PlayURL is where the video that Unpublish deletes was played.
	PlayURL string
	// Token is of the session that Register began; empty where its answer was lost.
	Token string
}

// History is all operations, those of one actor in the order they were made.
// An actor makes one operation at a time.
type History struct {
	Operations []Operation
	// Negative names the counters that were read below zero on the way.
	Negative []string
	// Touches are the calls on registers that several clients share.
	Touches []Touch
}

// Edge is a like (user, video) or a follow (follower, followed).
type Edge struct{ From, To int64 }

// Row is a comment on a video, or a message to a user.
type Row struct {
	ID     int64
	Author int64
	Target int64
	// Text is what was written: the key of its operation.
	Text string
}

// Counter is a count as it was read, and the rows it counts.
type Counter struct {
	Name string
	Read int64
	Rows int64
}

// State is what can be read through the API at rest.
type State struct {
	// Likes, as the lists of their users show them; a list that shows one twice shows it twice here.
	Likes []Edge
	// Following and Followers are the same follows, seen from either end.
	Following []Edge
	Followers []Edge
	Comments  []Row
	// Conversations hold each conversation as its two users see it.
	Conversations []Conversation
	Counters      []Counter
	// Videos are all that were published.
	Videos []Video
	// Feeds are the following feeds, paged to their ends.
	Feeds []Feed
	// Streams are what subscribers got while all this happened.
	Streams []Stream
	// Accounts are those that anybody tried to make.
	Accounts []Account
	// Media is what the URLs of videos answer, of deleted ones too.
	Media []Media
}

// Stream is every message that one subscriber got, in the order of arrival and
// across its reconnects.
type Stream struct {
	User     int64
	Messages []Row
}

// Account is what a name and its password, and the token that registering gave,
// are good for.
type Account struct {
	Name string
	// ID of the user that a login answers; 0 when the login is refused.
	ID int64
	// Session reports whether the token is accepted.
	Session bool
}

// Media is what the URLs of a video answer: the SHA-256 in hexadecimal, or the
// HTTP status where it is not 200.
type Media struct {
	Title       string
	Play, Cover string
}

// Video is a published video.
type Video struct {
	ID, Author int64
	// At is when it was published, in Unix milliseconds.
	At    int64
	Title string
	// Card is all that is shown of it beside its counts.
	Card string
	// PlayURL and CoverURL are absolute.
	PlayURL, CoverURL string
}

// Feed is the videos of those a user follows, as the feed has them.
type Feed struct {
	Viewer int64
	Videos []int64
}

// Conversation is the messages between two users as each of them reads it.
type Conversation struct{ First, Second []Row }
