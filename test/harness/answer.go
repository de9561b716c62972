package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Answer is what a call got back.
type Answer struct {
	// Path that was called.
	Path string
	// HTTP is the HTTP status.
	HTTP int
	// Header of the response.
	Header http.Header
	// Body as it was sent.
	Body []byte
	// Fields is the body as a JSON object, numbers as json.Number; nil when it is none.
	Fields map[string]any
}

// ReadAnswer reads a response to its end and closes it.
func ReadAnswer(path string, res *http.Response) (*Answer, error) {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", path, err)
	}
	a := &Answer{Path: path, HTTP: res.StatusCode, Header: res.Header, Body: body}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&a.Fields); err != nil || decoder.More() {
		a.Fields = nil
	}
	return a, nil
}

// NoCode is the Code of an answer that has none.
const NoCode = -1

// Code is the answer's status_code, or NoCode when it is absent or not a number.
func (a *Answer) Code() int64 {
	number, ok := a.Fields["status_code"].(json.Number)
	if !ok {
		return NoCode
	}
	code, err := number.Int64()
	if err != nil {
		return NoCode
	}
	return code
}

// Message is the answer's status_msg.
func (a *Answer) Message() string {
	message, _ := a.Fields["status_msg"].(string)
	return message
}

// Decode reads the body into a struct. An int64 field refuses a string or a fraction.
func (a *Answer) Decode(into any) error {
	if err := json.Unmarshal(a.Body, into); err != nil {
		return fmt.Errorf("decode answer of %s: %w: %s", a.Path, err, a.Body)
	}
	return nil
}

// String is for failure messages.
func (a *Answer) String() string {
	const most = 600
	body := a.Body
	if len(body) > most {
		body = append(bytes.Clone(body[:most]), "…"...)
	}
	return fmt.Sprintf("%s: HTTP %d %s", a.Path, a.HTTP, body)
}

// User is the contract's User.
type User struct {
	ID              int64  `json:"id"`
	Name            string `json:"name"`
	FollowCount     int64  `json:"follow_count"`
	FollowerCount   int64  `json:"follower_count"`
	IsFollow        bool   `json:"is_follow"`
	Avatar          string `json:"avatar"`
	BackgroundImage string `json:"background_image"`
	Signature       string `json:"signature"`
	TotalFavorited  int64  `json:"total_favorited"`
	WorkCount       int64  `json:"work_count"`
	FavoriteCount   int64  `json:"favorite_count"`
}

// Video is the contract's Video.
type Video struct {
	ID            int64  `json:"id"`
	Author        User   `json:"author"`
	PlayURL       string `json:"play_url"`
	CoverURL      string `json:"cover_url"`
	FavoriteCount int64  `json:"favorite_count"`
	CommentCount  int64  `json:"comment_count"`
	IsFavorite    bool   `json:"is_favorite"`
	Title         string `json:"title"`
	CreateTime    int64  `json:"create_time"`
	HLSURL        string `json:"hls_url"`
	Visibility    string `json:"visibility"`
}

// Comment is the contract's Comment.
type Comment struct {
	ID         int64  `json:"id"`
	User       User   `json:"user"`
	Content    string `json:"content"`
	CreateDate string `json:"create_date"`
	CreateTime int64  `json:"create_time"`
}

// Friend is the contract's Friend.
type Friend struct {
	User
	Message string `json:"message"`
	MsgType int64  `json:"msgType"`
}

// Message is the contract's Message.
type Message struct {
	ID         int64  `json:"id"`
	ToUserID   int64  `json:"to_user_id"`
	FromUserID int64  `json:"from_user_id"`
	Content    string `json:"content"`
	CreateTime int64  `json:"create_time"`
}
