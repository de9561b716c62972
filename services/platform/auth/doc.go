// Package auth is who a call acts for: the tokens that say so, the keys that
// sign and check them, and the passwords that earn them.
//
// The user service is the only issuer. A client holds a session token (audience
// "client"); the gateway exchanges it for a viewer token (audience "mesh") of a
// few minutes, which travels from service to service in the Viewer-Token header.
// Every service checks that token itself and takes the acting user only from it.
//
// Promises: only EdDSA, only our issuer, only the audience a Verifier was made
// for, never without an expiry. Whatever is wrong with a token, the client reads
// the same refusal. Keys and tokens do not appear in logs or errors.
package auth
