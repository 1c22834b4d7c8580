// Command replies writes docs/replies.md: what the replies of receivers mean, what
// smtpace does about each, and what to set. Run it from the root of the module:
//
//	go run ./docs/replies
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
)

const page = "docs/replies.md"

func main() {
	log.SetFlags(0)
	log.SetPrefix("replies: ")
	entries, err := collect(os.DirFS("."))
	if err != nil {
		log.Fatal(err)
	}
	var b bytes.Buffer
	write(&b, entries)
	if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d replies\n", page, len(entries))
}
