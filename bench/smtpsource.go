package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// source runs Postfix's load generator. It dials for every call of send: its
// figures include that and the start of the program.
type source struct {
	program string
	addr    string
	to      []string
	dir     string // holds the letter
}

// addsLine is the text that smtp-source adds to a message from a file.
const addsLine = "\r\n"

func openSource(program, addr string, l *letter) (mailer, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	s := &source{program: program, addr: addr, to: l.to, dir: dir}
	header := l.data[:len(l.data)-len(l.text)]
	text := append(bytes.Clone(header), filler(len(l.text)-len(addsLine))...)
	return s, os.WriteFile(s.file(), bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), 0o600)
}

func (s *source) file() string { return filepath.Join(s.dir, "letter") }

func (s *source) send(n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	output, err := exec.CommandContext(ctx, s.program,
		"-s", strconv.Itoa(connections), "-d", "-m", strconv.Itoa(n), "-r", strconv.Itoa(len(s.to)),
		"-F", s.file(), "-f", from, "-t", s.to[0], s.addr).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", s.program, err, output)
	}
	return nil
}

func (s *source) close() error { return os.RemoveAll(s.dir) }
