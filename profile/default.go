package profile

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed providers.toml
var providers string

// Default returns the profiles that come with the module, each figure with its
// source and date. They are what receivers publish and what senders customarily
// keep to; where neither is known, a profile has no limits. It is the same set
// at every call, and read at the first one.
//
// It panics when the file that is built in is wrong, which the tests of this
// package rule out.
func Default() *Set { return readDefault() }

var readDefault = sync.OnceValue(func() *Set {
	s, err := Parse(strings.NewReader(providers), "providers.toml")
	if err != nil {
		panic(err)
	}
	return s
})
