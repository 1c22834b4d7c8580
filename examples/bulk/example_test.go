package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/smtpace/smtpace/smtptest"
)

// The program from the command line to the summary, with a receiver on the
// loopback.
func Example() {
	srv := smtptest.NewServer(smtptest.Config{})
	defer srv.Close()
	dir, err := os.MkdirTemp("", "bulk-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	list, message := filepath.Join(dir, "list.csv"), filepath.Join(dir, "news.eml")
	for path, text := range map[string]string{
		list:    "email,name\nann@example.com,Ann\n",
		message: "From: News <news@example.com>\nSubject: News for {{.name}}\n\nHello {{.name}}!\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}
	status := run(context.Background(), []string{
		"-relay", srv.Addr, "-tls", "none", "-from", "news@example.com",
		"-to", list, "-message", message, "-preflight", "off",
	}, io.Discard, os.Stderr, nil)
	fmt.Println("status", status)
	for _, m := range srv.Messages() {
		fmt.Println(m.Recipients[0].Address)
	}
	// Output:
	// status 0
	// ann@example.com
}
