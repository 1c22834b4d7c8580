package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// The results of a mutant.
const (
	killed   = "killed"
	survived = "survived"
)

// outcome is the fate of a mutant: a line of the file of results.
type outcome struct {
	Key      string  `json:"key"`
	File     string  `json:"file"`
	Line     int     `json:"line"`
	Operator string  `json:"operator"`
	Result   string  `json:"result"`
	By       string  `json:"by,omitempty"` // the test that failed, "time" or "crash"
	Seconds  float64 `json:"seconds"`
}

// write adds the outcome to the file of results.
func (o outcome) write(w io.Writer) error {
	line, err := json.Marshal(o)
	if err == nil {
		_, err = w.Write(append(line, '\n'))
	}
	return err
}

// readOutcomes reads a file of results by key; the last of a key counts. A file
// that is not there is empty, and so is a last line that was cut off.
func readOutcomes(name string) (map[string]outcome, error) {
	outcomes := map[string]outcome{}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return outcomes, nil
	}
	if err != nil {
		return nil, err
	}
	if end := bytes.LastIndexByte(text, '\n') + 1; end < len(text) {
		if err := os.Truncate(name, int64(end)); err != nil {
			return nil, err
		}
		text = text[:end]
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		var o outcome
		if err := json.Unmarshal(line, &o); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		outcomes[o.Key] = o
	}
	return outcomes, nil
}

// judgement says why a survivor is harmless.
type judgement struct {
	file, operator string
	before, after  string // the changed lines, without the spaces around them
	why            string
}

// readHarmless reads a file of judgements. Each begins with "FILE: OPERATOR" and
// the changed lines, with - before and + after, as the report prints them; the
// lines that follow, up to an empty one, are the reason. # begins a comment.
func readHarmless(name string) ([]judgement, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []judgement
	var j judgement
	n := 0
	end := func() error {
		if j == (judgement{}) {
			return nil
		}
		if j.before == "" || j.after == "" && j.operator != statementRemoved || j.why == "" {
			return fmt.Errorf("%s:%d: a judgement needs FILE: OPERATOR, - lines, + lines and a reason", name, n)
		}
		all = append(all, j)
		j = judgement{}
		return nil
	}
	for in := bufio.NewScanner(f); in.Scan(); {
		n++
		line := in.Text()
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "":
			if err := end(); err != nil {
				return nil, err
			}
		case j.file == "":
			j.file, j.operator, _ = strings.Cut(line, ": ")
		case line[0] == '-' && j.why == "":
			j.before = joined(j.before, line[1:])
		case line[0] == '+' && j.why == "":
			j.after = joined(j.after, line[1:])
		default:
			j.why = joined(j.why, line)
		}
	}
	return all, end()
}

// joined adds a line to others, without the spaces around it.
func joined(lines, line string) string {
	return strings.TrimSpace(lines + "\n" + strings.TrimSpace(line))
}

// harmless returns the judgement about a mutant, nil when there is none.
func harmless(all []judgement, m mutant) *judgement {
	before, after := m.lines()
	join := func(lines []string) (all string) {
		for _, line := range lines {
			all = joined(all, line)
		}
		return all
	}
	for i, j := range all {
		if j.file == m.File && j.operator == m.Operator && j.before == join(before) && j.after == join(after) {
			return &all[i]
		}
	}
	return nil
}
