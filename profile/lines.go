package profile

import (
	"strconv"
	"strings"
)

// The package toml does not tell where a key stands once the file is read, and
// errors without a line are of little use. So the keys are looked up beforehand.

// separator stands between the parts of a path, the keys and the indexes that
// lead to a value; no key of ours has it.
const separator = "\x00"

func join(path, part string) string { return path + separator + part }

// maxDepth bounds how deep tables, lists and dotted keys may be nested, before
// the package toml, which does not bound it, sees them.
const maxDepth = 16

// linesOf returns the line of every key and of every element of a list in a
// file, by its path. In malformed TOML it stops at the first mistake. deep is the line of the first place that is nested too deep, 0
// for none.
func linesOf(text string) (lines map[string]int, deep int) {
	s := &scanner{text: text, line: 1, lines: map[string]int{}, sizes: map[string]int{}}
	for s.blank(); s.statement(); s.blank() {
	}
	return s.lines, s.deep
}

type scanner struct {
	text   string // the rest of the file
	line   int
	prefix string         // the path of the table that keys belong to
	lines  map[string]int // by path
	sizes  map[string]int // of the lists of tables, by path
	deep   int
}

func (s *scanner) next(token string) bool {
	rest, found := strings.CutPrefix(s.text, token)
	s.text = rest
	return found
}

// skip drops n bytes and counts their lines.
func (s *scanner) skip(n int) {
	s.line += strings.Count(s.text[:n], "\n")
	s.text = s.text[n:]
}

// blank skips blanks, line ends and comments.
func (s *scanner) blank() {
	for {
		s.skip(len(s.text) - len(strings.TrimLeft(s.text, " \t\r\n")))
		if !strings.HasPrefix(s.text, "#") {
			return
		}
		s.skip(upTo(s.text, "\n"))
	}
}

// upTo returns the length of the text before the first of the given characters.
func upTo(text, chars string) int {
	if i := strings.IndexAny(text, chars); i >= 0 {
		return i
	}
	return len(text)
}

// statement reads a header of a table or a key with its value. It returns false
// at the end of what it understands.
func (s *scanner) statement() bool {
	switch {
	case s.next("[["):
		return s.header(true) && s.next("]]")
	case s.next("["):
		return s.header(false) && s.next("]")
	}
	return s.pair(s.prefix, 0)
}

// header reads the name of a table, or of one more of a list of tables.
func (s *scanner) header(list bool) bool {
	line := s.line
	keys := s.keys(0)
	if len(keys) == 0 {
		return false
	}
	path := ""
	for i, key := range keys {
		path = join(path, key)
		s.note(path, line)
		if n := s.sizes[path]; n > 0 && (i < len(keys)-1 || !list) {
			path = join(path, strconv.Itoa(n-1)) // the last one so far is meant
		}
	}
	if list {
		n := s.sizes[path]
		s.sizes[path]++
		path = join(path, strconv.Itoa(n))
		s.note(path, line)
	}
	s.prefix = path
	return true
}

// note keeps the first line of a path.
func (s *scanner) note(path string, line int) {
	if s.lines[path] == 0 {
		s.lines[path] = line
	}
}

// keys reads a key and its parts after dots, at a given depth.
func (s *scanner) keys(depth int) []string {
	var keys []string
	for {
		s.blank()
		key, ok := s.key()
		if !ok || s.tooDeep(depth+len(keys)) {
			return nil
		}
		keys = append(keys, key)
		s.skip(len(s.text) - len(strings.TrimLeft(s.text, " \t")))
		if !s.next(".") {
			return keys
		}
	}
}

func (s *scanner) tooDeep(depth int) bool {
	if depth < maxDepth {
		return false
	}
	if s.deep == 0 {
		s.deep = s.line
	}
	return true
}

// key reads one part of a key, with its quotes if it has them.
func (s *scanner) key() (string, bool) {
	if strings.HasPrefix(s.text, `"`) || strings.HasPrefix(s.text, "'") {
		raw, ok := s.quoted()
		return unquote(raw), ok
	}
	n := upTo(s.text, " \t\r\n.=[]{}\"'#,")
	key := s.text[:n]
	s.text = s.text[n:]
	return key, n > 0
}

// quoted skips a text in quotes of any of the four kinds, and returns it.
func (s *scanner) quoted() (raw string, ok bool) {
	quote := s.text[:1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s.text, triple) {
		quote = triple
	}
	n := len(quote)
	for n < len(s.text) && !strings.HasPrefix(s.text[n:], quote) {
		if s.text[n] == '\\' && quote[0] == '"' {
			n++
		}
		n++
	}
	if n >= len(s.text) {
		return "", false
	}
	n += len(quote)
	// Up to two quotes may stand right before the three that end a text.
	for i := 0; i < 2 && len(quote) == 3 && n < len(s.text) && s.text[n] == quote[0]; i++ {
		n++
	}
	raw = s.text[:n]
	s.skip(n)
	return raw, true
}

// unquote returns a key without its quotes. One with escapes that Go does not have
// is returned as it is, and so has no line of its own.
func unquote(raw string) string {
	if strings.HasPrefix(raw, "'") {
		return strings.Trim(raw, "'")
	}
	if key, err := strconv.Unquote(raw); err == nil {
		return key
	}
	return raw
}

// pair reads a key with its value into the table of the given path.
func (s *scanner) pair(path string, depth int) bool {
	line := s.line
	keys := s.keys(depth)
	for _, key := range keys {
		path = join(path, key)
		s.note(path, line)
	}
	if s.blank(); len(keys) == 0 || !s.next("=") {
		return false
	}
	s.blank()
	return s.value(path, depth+len(keys))
}

func (s *scanner) value(path string, depth int) bool {
	switch {
	case s.text == "" || s.tooDeep(depth):
		return false
	case s.text[0] == '"' || s.text[0] == '\'':
		_, ok := s.quoted()
		return ok
	case s.next("["):
		return s.list(path, depth+1)
	case s.next("{"):
		return s.inline(path, depth+1)
	}
	s.skip(upTo(s.text, ",]}\n#"))
	return true
}

func (s *scanner) list(path string, depth int) bool {
	for i := 0; ; i++ {
		if s.blank(); s.next("]") {
			return true
		}
		element := join(path, strconv.Itoa(i))
		s.note(element, s.line)
		if !s.value(element, depth) {
			return false
		}
		if s.blank(); !s.next(",") && !strings.HasPrefix(s.text, "]") {
			return false
		}
	}
}

func (s *scanner) inline(path string, depth int) bool {
	for {
		if s.blank(); s.next("}") {
			return true
		}
		if !s.pair(path, depth) {
			return false
		}
		if s.blank(); !s.next(",") && !strings.HasPrefix(s.text, "}") {
			return false
		}
	}
}
