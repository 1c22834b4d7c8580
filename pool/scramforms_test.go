package pool

import (
	"errors"
	"fmt"
	"testing"
)

// The server's first message of SCRAM (RFC 5802 5.1, 7) has a nonce, a salt and a number
// of iterations, in this order; whatever else it is, is an error of the protocol.
func TestServerFirstMessages(t *testing.T) {
	for text, ok := range map[string]bool{
		"r=abc,s=c2FsdA==,i=4096":                             true,
		"r=abc,s=c2FsdA==,i=4096,x=more":                      true,
		"r=abc,s=c2FsdA==,i=4096,x=more,y=yet":                true,
		fmt.Sprintf("r=abc,s=c2FsdA==,i=%d", minIterations):   true,
		fmt.Sprintf("r=abc,s=c2FsdA==,i=%d", maxIterations):   true,
		fmt.Sprintf("r=abc,s=c2FsdA==,i=%d", minIterations-1): false,
		fmt.Sprintf("r=abc,s=c2FsdA==,i=%d", maxIterations+1): false,
		"":                              false,
		"r=abc,s=c2FsdA==":              false,
		"x=abc,s=c2FsdA==,i=4096":       false,
		"r=abc,x=c2FsdA==,i=4096":       false,
		"r=abc,s=c2FsdA==,x=4096":       false,
		"m=ext,r=abc,s=c2FsdA==,i=4096": false, // an extension that must be understood
		"r=abc,s=,i=4096":               false,
		"r=abc,s=c2FsdA,i=4096":         false,
		"r=abc,s=c2FsdA==,i=many":       false,
		"r=abc,s=c2FsdA==,i=-4096":      false,
		"r=abc,s=c2FsdA==,i=":           false,
		"s=c2FsdA==,r=abc,i=4096":       false,
	} {
		nonce, salt, iterations, err := parseServerFirst(text)
		if ok && (err != nil || nonce != "abc" || string(salt) != "salt" || iterations < minIterations || iterations > maxIterations) {
			t.Errorf("%q: got %q, %q, %d and %v", text, nonce, salt, iterations, err)
		}
		if !ok && !errors.Is(err, ErrProtocol) {
			t.Errorf("%q: got %v, want an error of the protocol", text, err)
		}
	}
}
