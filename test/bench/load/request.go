package load

import (
	"strconv"
)

// Get appends a GET request for a target, without compression and with further header lines, each ended by CRLF.
func Get(to []byte, host, target, header string) []byte {
	to = append(to, "GET "...)
	to = append(to, target...)
	to = append(to, " HTTP/1.1\r\nHost: "...)
	to = append(to, host...)
	to = append(to, "\r\n"...)
	to = append(to, header...)
	return append(to, "\r\n"...)
}

// Post appends a POST request with a body.
func Post(to []byte, host, target, contentType, header string, body []byte) []byte {
	to = append(to, "POST "...)
	to = append(to, target...)
	to = append(to, " HTTP/1.1\r\nHost: "...)
	to = append(to, host...)
	to = append(to, "\r\nContent-Type: "...)
	to = append(to, contentType...)
	to = append(to, "\r\nContent-Length: "...)
	to = strconv.AppendInt(to, int64(len(body)), 10)
	to = append(to, "\r\n"...)
	to = append(to, header...)
	to = append(to, "\r\n"...)
	return append(to, body...)
}
