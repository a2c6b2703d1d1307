// Asks for each path with net/http: paths in, a line of JSON out for each.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

type task struct {
	Origin    string
	TimeoutMs int
	Asks      []struct {
		Path, Method string
		SentBytes    int
	}
}

func main() {
	var given task
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	client := http.Client{Timeout: time.Duration(given.TimeoutMs) * time.Millisecond}
	for _, one := range given.Asks {
		outcome, err := ask(&client, one.Method, given.Origin+one.Path, one.SentBytes)
		if err != nil {
			outcome = innermost(err).Error()
		}
		json.NewEncoder(os.Stdout).Encode(map[string]string{"path": one.Path, "outcome": outcome})
	}
}

func ask(client *http.Client, method, url string, sentBytes int) (string, error) {
	var content io.Reader
	if sentBytes > 0 {
		content = bytes.NewReader(make([]byte, sentBytes))
	}
	request, err := http.NewRequest(method, url, content)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	count, err := io.Copy(io.Discard, response.Body)
	return fmt.Sprint(response.StatusCode, " ", count), err
}

// innermost gives the error that caused it all; a timeout is one at any depth.
func innermost(err error) error {
	if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
		return errors.New("timeout")
	}
	if inner := errors.Unwrap(err); inner != nil {
		return innermost(inner)
	}
	return err
}
