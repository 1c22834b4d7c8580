package mtatest

import (
	"strings"
	"testing"
)

func TestParseTakesOffWhatTheServerAdded(t *testing.T) {
	const message = "Date: now\nMessage-ID: <m@x>\n\nReceived: not a field\n"
	for _, test := range []struct {
		name, added string
		want        Copy // without Text and MessageID; empty: an error
	}{
		{
			name:  "Postfix",
			added: "Return-Path: <s@x>\nX-Original-To: a@x\nDelivered-To: a@x\nReceived: from c\n\tby mx.test (Postfix) with ESMTP id 4A1\n\tfor <a@x>; now\n",
			want:  Copy{Recipient: "a@x", Transaction: "4A1"},
		},
		{
			name:  "Exim",
			added: "Return-path: <s@x>\nEnvelope-to: a@x\nReceived: from c ([127.0.0.1])\n\tby mx.test with esmtp (Exim 4.96)\n\tid 1xV-0A-2;\n\tnow\n",
			want:  Copy{Recipient: "a@x", Transaction: "1xV-0A-2"},
		},
		{
			name:  "relayed twice",
			added: "Delivered-To: <a@x>\nReceived: by one id first;\n now\nReceived: by two id second; now\n",
			want:  Copy{Recipient: "a@x", Transaction: "first"},
		},
		{name: "no recipient", added: "Received: by mx id 1; now\n"},
		{name: "no transaction", added: "Delivered-To: a@x\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parse([]byte(test.added + message))
			if test.want.Recipient == "" {
				if err == nil {
					t.Fatalf("got %+v, want an error", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Recipient != test.want.Recipient || got.Transaction != test.want.Transaction || got.MessageID != "m@x" {
				t.Errorf("got %+v, want %+v of m@x", got, test.want)
			}
			if want := strings.ReplaceAll(message, "\n", "\r\n"); string(got.Text) != want {
				t.Errorf("text: got %q, want %q", got.Text, want)
			}
		})
	}
	if got, err := parse([]byte("Delivered-To: a@x\nReceived: id 1; now\nSubject: no id\n\n")); err == nil {
		t.Errorf("no Message-ID: got %+v, want an error", got)
	}
}
