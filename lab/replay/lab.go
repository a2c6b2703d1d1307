// Package lab replays lab/vectors.json of Firstline: right and wrong HTTP/1.1 responses by path, for
// testing clients. Copy this file and the vectors into a test. A lab lives as long as the process.
//
//	server, err := lab.Start("vectors.json")
//	_, err = http.Get(server.URL + "/truncated")
package lab

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"time"
)

const maxTime, maxBytes, lingerTime = 60 * time.Second, 64 << 20, 2 * time.Second

// Entry is a response, and what a sound client makes of it. The vectors have more fields.
type Entry struct {
	Path, Method, Expect, Level, Ending string
	Pieces                              []any
}

// Server is a lab that runs.
type Server struct {
	URL, port string // its origin
	Entries   []Entry
	byPath    map[string]Entry
}

// Start serves the vectors of this file on a free port of 127.0.0.1.
func Start(file string) (*Server, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var vectors struct{ Entries, Others []Entry }
	if err := json.Unmarshal(text, &vectors); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	server := &Server{"http://127.0.0.1:" + port, port, vectors.Entries, map[string]Entry{}}
	for _, entry := range append(vectors.Others, vectors.Entries...) {
		server.byPath[entry.Path] = entry
	}
	go func() {
		for client, err := listener.Accept(); err == nil; client, err = listener.Accept() {
			go server.serve(client.(*net.TCPConn))
		}
	}()
	return server, nil
}

var closes = regexp.MustCompile(`(?im)^(connection:.*close|content-length: *[1-9]|transfer-encoding:)`)

func (s *Server) serve(client *net.TCPConn) {
	defer client.Close()
	for input := bufio.NewReader(client); ; {
		client.SetDeadline(time.Now().Add(maxTime))
		line, _ := input.ReadString('\n')
		words := strings.Fields(line)
		if len(words) != 3 {
			return
		}
		path, _, _ := strings.Cut(words[1], "?")
		entry := s.byPath[path] // the connection closes without a response if there is none
		stays := takeHead(input) && entry.Ending == "open" && words[2] == "HTTP/1.1"
		s.play(entry.Pieces, client, input)
		if entry.Ending == "reset" {
			client.SetLinger(0)
		} else if !stays && entry.Ending != "close" {
			client.CloseWrite()
			client.SetReadDeadline(time.Now().Add(lingerTime))
			io.Copy(io.Discard, input)
		}
		if !stays {
			return
		}
	}
}

// takeHead takes the header section, and tells whether another request may follow this one.
func takeHead(input *bufio.Reader) bool {
	text, _ := input.Peek(input.Buffered())
	head, _, isWhole := bytes.Cut(append([]byte("\r\n"), text...), []byte("\r\n\r\n"))
	if isWhole {
		input.Discard(len(head) + 2)
	}
	return isWhole && !closes.Match(head)
}

// play sends the pieces. Pauses add up, so that a slow machine sends the same bytes.
func (s *Server) play(pieces []any, client *net.TCPConn, input *bufio.Reader) {
	due, left := time.Now(), maxBytes
	end := due.Add(maxTime)
	send := func(text []byte) bool {
		count, err := client.Write(text[:min(len(text), left)])
		left -= count
		return err == nil && left > 0 && time.Now().Before(end)
	}
	wait := func(milliseconds float64) {
		due = due.Add(time.Duration(milliseconds * float64(time.Millisecond)))
		time.Sleep(time.Until(due))
	}
	for _, piece := range pieces {
		switch piece := piece.(type) {
		case float64:
			wait(piece)
		case nil: // a stall ends when the client sends no more
			io.Copy(io.Discard, input)
		case string:
			if text, _ := base64.StdEncoding.DecodeString(piece); !send(text) {
				return
			}
		case map[string]any:
			if late, ok := piece["late"].(float64); ok {
				client.SetReadDeadline(time.Now().Add(time.Duration(late) * time.Millisecond))
				if _, err := input.Peek(1); err == nil {
					return // behind another request it would pass for the response
				}
				client.SetReadDeadline(end)
			} else if piece["until"] != nil {
				input.ReadString('\n')
			} else if piece["port"] != nil {
				send([]byte(s.port))
			} else {
				unit, _ := piece["repeat"].(string)
				text, _ := base64.StdEncoding.DecodeString(unit)
				times, isFinite := piece["times"].(float64)
				pause, _ := piece["pause"].(float64)
				for count := 0.0; !isFinite || count < times; count++ {
					if !send(text) {
						return
					}
					wait(pause)
				}
			}
		}
	}
}
