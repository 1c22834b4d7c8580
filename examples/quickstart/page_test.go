package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The page shows the list that is being sent, and goes with the program.
func TestShow(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, w := io.Pipe()
	done := make(chan error)
	go func() {
		err := show(ctx, w, demo{messages: 100, connections: 3, rate: 20, burst: 1, greylist: time.Minute}, "127.0.0.1:0")
		_ = w.Close()
		done <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	url := regexp.MustCompile(`http://localhost:\d+/`).FindString(line)
	if url == "" {
		t.Fatalf("got %q, want the address of the page", line)
	}
	response, err := http.Get(url + "events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for seen, lines := false, bufio.NewReader(response.Body); !seen; {
		text, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		seen = strings.Contains(text, `"red.example"`)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
