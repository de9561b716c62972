// Package contract holds the black-box suite of the public API: the rules of
// the /douyin dialect for every path, each endpoint's behaviour, and the same
// API over Connect, gRPC and gRPC-Web. It knows the platform only by its
// public port; package harness starts it or takes a running one.
//
// Every test makes its own users, so tests run in parallel, and the suite can
// run again on the data it left. Every REST answer it sees is also checked by
// harness.Lint.
//
// Rules for every path, by which tests say what they are for:
//
//	 1  it works with and without its trailing slash
//	 2  parameters come in the query, a form, a multipart or a JSON body; the first
//	    that is not empty wins, others are ignored, and none says who acts
//	 3  integers of 64 bits are JSON numbers
//	 4  ids are below 2^53 and survive a float64; an integer may come as 1.5e+06 or 7.0
//	 5  an empty parameter is an absent one
//	 6  an answer is JSON with HTTP 200, failures too, and says nothing internal;
//	    unknown paths and methods are 404 and 405, overload 503
//	 7  status_code is 0 or stays what it is, and status_msg is a string
//	 8  the token comes in the query, a body or a header
//	 9  where a token is optional, a bad one means anonymous
//	10  every key is there, in failures too, and a list is never null
//	11  what is read by GET also answers POST
//	12  other origins may ask, and JSON is compressed on request
package contract
