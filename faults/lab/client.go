// Requests each path with net/http, and prints a line of JSON for each.
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

type input struct {
	Origin    string
	TimeoutMs int
	Tasks     []struct {
		Path, Method string
		SentBytes    int
	}
}

func main() {
	var given input
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	client := http.Client{Timeout: time.Duration(given.TimeoutMs) * time.Millisecond}
	for _, task := range given.Tasks {
		result, err := send(&client, task.Method, given.Origin+task.Path, task.SentBytes)
		if err != nil {
			result = innermost(err).Error()
		}
		json.NewEncoder(os.Stdout).Encode(map[string]string{"path": task.Path, "result": result})
	}
}

func send(client *http.Client, method, url string, sentBytes int) (string, error) {
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

// innermost returns the innermost error, or a timeout at any depth.
func innermost(err error) error {
	if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
		return errors.New("timeout")
	}
	if inner := errors.Unwrap(err); inner != nil {
		return innermost(inner)
	}
	return err
}
