package profile

import (
	"encoding"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// table is one of TOML, which knows which of its keys were asked for. What is
// not of the kind that was asked for is a mistake, and then the zero value.
type table struct {
	file   *file
	path   string
	key    string // the last one of path
	values map[string]any
	asked  []string
}

// line returns the line of the n-th value of a key, of the key itself if n is -1, of
// the table if key is "". A value without a line has that of its list or table.
func (t *table) line(key string, n int) int {
	path := t.path
	if key != "" {
		path = join(path, key)
	}
	if n >= 0 {
		path = join(path, strconv.Itoa(n))
	}
	for ; path != ""; path = path[:strings.LastIndex(path, separator)] {
		if line := t.file.lines[path]; line > 0 {
			return line
		}
	}
	return 0
}

// fail notes a mistake of the n-th value of a key; nil is none.
func (t *table) fail(err error, key string, n int) {
	if err != nil {
		t.file.fail(t.line(key, n), err)
	}
}

// ask returns the value of a key, nil when there is none.
func (t *table) ask(key string) any {
	t.asked = append(t.asked, key)
	return t.values[key]
}

// noOthers makes every key that was not asked for a mistake.
func (t *table) noOthers() {
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if !slices.Contains(t.asked, key) {
			t.fail(fmt.Errorf("unknown key %q: want one of %s", key, strings.Join(t.asked, ", ")), key, -1)
		}
	}
}

func (t *table) text(key string) string {
	v := t.ask(key)
	s, ok := v.(string)
	if v != nil && !ok {
		t.fail(fmt.Errorf("%s is %s: want text in quotes", key, kind(v)), key, -1)
	}
	return s
}

func (t *table) flag(key string) bool {
	v := t.ask(key)
	b, ok := v.(bool)
	if v != nil && !ok {
		t.fail(fmt.Errorf("%s is %s: want true or false", key, kind(v)), key, -1)
	}
	return b
}

// duration returns a duration above 0 in the notation of time.ParseDuration.
func (t *table) duration(key string) time.Duration {
	text := t.text(key)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.fail(fmt.Errorf(`%s is %q: want a duration above 0 such as "90s" or "2h"`, key, text), key, -1)
	}
	return d
}

// unmarshal reads a text that the type of v knows.
func (t *table) unmarshal(key string, v encoding.TextUnmarshaler) {
	if text := t.text(key); text != "" {
		t.fail(v.UnmarshalText([]byte(text)), key, -1)
	}
}

func (t *table) texts(key string) []string {
	return list[string](t, key, `a list of texts, such as ["a", "b"]`)
}

func (t *table) numbers(key string) []int {
	var numbers []int
	for i, n := range list[int64](t, key, "a list of whole numbers, such as [421, 450]") {
		if n != int64(int(n)) {
			t.fail(fmt.Errorf("%s has the number %d: want a smaller one", key, n), key, i)
			continue
		}
		numbers = append(numbers, int(n))
	}
	return numbers
}

func list[V any](t *table, key, want string) []V {
	v := t.ask(key)
	if v == nil {
		return nil
	}
	values, ok := v.([]any)
	if !ok {
		t.fail(fmt.Errorf("%s is %s: want %s", key, kind(v), want), key, -1)
	}
	var all []V
	for i, value := range values {
		of, ok := value.(V)
		if !ok {
			t.fail(fmt.Errorf("%s has %s: want %s", key, kind(value), want), key, i)
			continue
		}
		all = append(all, of)
	}
	return all
}

// tables returns those of a list of tables.
func (t *table) tables(key string) []*table {
	v := t.ask(key)
	if v == nil {
		return nil
	}
	var all []*table
	for i, value := range elements(v) {
		values, ok := value.(map[string]any)
		if !ok {
			t.fail(fmt.Errorf("%s has %s: want tables, each below [[%s]]", key, kind(value), key), key, i)
			continue
		}
		all = append(all, &table{file: t.file, path: join(join(t.path, key), strconv.Itoa(i)), values: values})
	}
	if len(all) == 0 {
		t.fail(fmt.Errorf("%s is %s: want tables, each below [[%s]]", key, kind(v), key), key, -1)
	}
	return all
}

// elements returns the elements of a list; none if v is not a list.
func elements(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case []map[string]any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = v[i]
		}
		return all
	}
	return nil
}

// kind returns the kind of a TOML value, for errors.
func kind(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case int64, float64:
		return "a number"
	case bool:
		return "true or false"
	case time.Time:
		return "a date"
	case []any:
		return "a list"
	case map[string]any, []map[string]any:
		return "a table"
	}
	return "something else"
}

// child returns the table of a key, nil when there is none.
func (t *table) child(key string) *table {
	v := t.ask(key)
	values, ok := v.(map[string]any)
	if !ok {
		if v != nil {
			t.fail(fmt.Errorf("%s is %s: want a table, below [%s]", key, kind(v), key), key, -1)
		}
		return nil
	}
	return &table{file: t.file, path: join(t.path, key), key: key, values: values}
}

// children returns the tables of all keys but some, in the order of their lines.
func (t *table) children(but ...string) []*table {
	var all []*table
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if slices.Contains(but, key) {
			continue
		}
		if child := t.child(key); child != nil {
			all = append(all, child)
		}
	}
	slices.SortStableFunc(all, func(a, b *table) int { return a.line("", -1) - b.line("", -1) })
	return all
}
