package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// skipped counts the lines without an answer, by their kinds, and keeps one of each.
type skipped struct {
	count int
	kinds map[string]*skippedKind
}

type skippedKind struct {
	name  string
	count int
	where moment
	text  string // the first one
}

const (
	// maxKinds bounds the kinds that are told apart.
	maxKinds = 40
	// otherKinds are those beyond.
	otherKinds = "lines of further kinds"
)

func (s *skipped) add(name, text string, where moment) {
	s.count++
	k := s.kinds[name]
	if k == nil && len(s.kinds) >= maxKinds {
		name = otherKinds
		k = s.kinds[name]
	}
	if k == nil {
		if s.kinds == nil {
			s.kinds = map[string]*skippedKind{}
		}
		k = &skippedKind{name: strings.Clone(name), where: where, text: printable(text)}
		s.kinds[k.name] = k
	}
	k.count++
}

func (s *skipped) print(w io.Writer) {
	if s.count == 0 {
		return
	}
	fmt.Fprintf(w, "%s without an answer\n", plural(s.count, "line"))
	list := slices.SortedFunc(maps.Values(s.kinds), func(a, b *skippedKind) int {
		return cmp.Or(b.count-a.count, strings.Compare(a.name, b.name))
	})
	for _, k := range list {
		fmt.Fprintf(w, "  %d %s, such as %v: %s\n", k.count, printable(k.name), k.where, k.text)
	}
}
