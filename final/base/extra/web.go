package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"
)

// httpd serves a directory, a text, or by default the host's name: enough to
// see which container answered.
func httpd(args []string) error {
	flags := flag.NewFlagSet("httpd", flag.ExitOnError)
	port := flags.String("p", "80", "`port` or address:port to listen on")
	text := flags.String("e", "", "answer every request with this `text`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	address := *port
	if !strings.Contains(address, ":") {
		address = ":" + address
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: pages(*text, flags.Arg(0)), ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}

// pages chooses what is served.
func pages(text, dir string) http.Handler {
	if dir != "" {
		return http.FileServer(http.Dir(dir))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer := text
		if answer == "" {
			answer, _ = os.Hostname()
		}
		fmt.Fprintln(w, answer)
	})
}

// A download is one call of fetch or wget.
type download struct {
	url, output    string
	quiet, headers bool
	timeout        time.Duration
}

// fetch prints what a URL answers. Called wget it knows -q, -O, -S and -T, and
// writes to a file as wget does.
func fetch(name string, args []string) error {
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	var d download
	flags.StringVar(&d.output, "O", "", "write to this `file`, - is standard output")
	flags.BoolVar(&d.quiet, "q", false, "say nothing")
	flags.BoolVar(&d.headers, "S", false, "print the status and the headers")
	seconds := flags.Int("T", 30, "give up after so many `seconds`")
	if err := flags.Parse(split(args)); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("usage: " + name + " [-q] [-S] [-T SECONDS] [-O FILE] URL")
	}
	d.url, d.timeout = flags.Arg(0), time.Duration(*seconds)*time.Second
	if !strings.Contains(d.url, "://") {
		d.url = "http://" + d.url
	}
	if d.output == "" && name == "wget" {
		d.output = fileName(d.url)
	}
	return d.run()
}

// split parts options that wget's users join: -qO- is -q -O -.
func split(args []string) []string {
	var all []string
	for _, arg := range args {
		if rest, ok := strings.CutPrefix(arg, "-qO"); ok {
			all = append(all, "-q")
			arg = "-O" + rest
		}
		if rest, ok := strings.CutPrefix(arg, "-O"); ok && rest != "" {
			all = append(all, "-O")
			arg = rest
		}
		all = append(all, arg)
	}
	return all
}

// fileName is the last part of the URL's path, as wget names its files.
func fileName(address string) string {
	u, err := url.Parse(address)
	if err != nil || path.Base(u.Path) == "." || path.Base(u.Path) == "/" {
		return "index.html"
	}
	return path.Base(u.Path)
}

// run fetches and writes.
func (d download) run() error {
	client := http.Client{Timeout: d.timeout}
	answer, err := client.Get(d.url)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return fmt.Errorf("get %s: %w", d.url, err)
	}
	defer answer.Body.Close()
	if d.headers {
		fmt.Fprintln(os.Stderr, answer.Proto, answer.Status)
		_ = answer.Header.Write(os.Stderr)
	}
	if answer.StatusCode >= 400 {
		return fmt.Errorf("get %s: the server says %s", d.url, answer.Status)
	}
	out := os.Stdout
	if d.output != "" && d.output != "-" {
		if out, err = os.Create(d.output); err != nil {
			return err
		}
		defer out.Close()
	}
	if _, err := io.Copy(out, answer.Body); err != nil {
		return fmt.Errorf("read the answer of %s: %w", d.url, err)
	}
	return nil
}
