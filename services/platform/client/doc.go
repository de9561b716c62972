// Package client says who a client is: the address that budgets are counted
// by, and the scheme and host that links in answers begin with.
//
// A client is the peer of the connection, or, where the peer is a trusted
// proxy, the client that the proxy names in X-Forwarded-For, Forwarded or the
// header of the PROXY protocol. Nothing that other peers send is used. Listen
// counts connections per client, and Budget whatever else is counted per client
// or per user.
package client
