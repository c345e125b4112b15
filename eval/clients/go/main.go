// A client of a jobraft cluster in Go, made from proto/jobraft.proto alone. It adds, claims and completes jobs until SIGTERM, then until no job is
// left, and records every call: client <history file> <host:port,...> [<ca> <certificate> <key>]
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"jobraft.test/client/pb"
)

const (
	queue    = "go"
	attempt  = 5 * time.Second
	pause    = 100 * time.Millisecond
	callTime = 2 * time.Minute
	addPause = 40 * time.Millisecond
	leaseMs  = 30_000
	waitMs   = 2_000
	claimMax = 4
	stallMax = 10
	keep     = 1_000_000
)

type object map[string]interface{}

// history is one JSON object a line, in the order of time: see "Histories" in test/README.md.
type history struct {
	mutex     sync.Mutex
	out       *bufio.Writer
	started   time.Time
	index     int
	processes int
}

func (h *history) newProcess() int {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.processes++
	return h.processes
}

func (h *history) record(process int, kind, function string, value interface{}) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	line, err := json.Marshal(object{
		"process": process, "type": kind, "f": function, "value": value, "time": time.Since(h.started).Microseconds(), "index": h.index,
	})
	if err != nil {
		panic(err)
	}
	h.index++
	h.out.Write(append(line, '\n'))
}

// cluster calls one node after another: any of them forwards to the leader.
type cluster struct {
	nodes []pb.JobsClient
	next  int32
}

type call func(ctx context.Context, node pb.JobsClient, trailer grpc.CallOption) error

// do repeats a call that failed for a reason that passes. It returns whether the last attempt certainly had no effect.
func (c *cluster) do(wait time.Duration, try call) (notApplied bool, err error) {
	until := time.Now().Add(callTime)
	for {
		at := atomic.LoadInt32(&c.next)
		ctx, cancel := context.WithTimeout(context.Background(), wait+attempt)
		var trailer metadata.MD
		err = try(ctx, c.nodes[int(at)%len(c.nodes)], grpc.Trailer(&trailer))
		cancel()
		if err == nil {
			return false, nil
		}
		reason, code := status.Code(err), strings.Join(trailer.Get("jobraft-code"), "")
		mayRepeat := reason == codes.Unavailable || reason == codes.DeadlineExceeded || code == "" || code == "OVERLOADED"
		if !mayRepeat {
			return strings.Join(trailer.Get("jobraft-outcome"), "") == "not-applied", err
		}
		if time.Now().After(until) {
			return false, err
		}
		atomic.CompareAndSwapInt32(&c.next, at, at+1)
		time.Sleep(pause)
	}
}

// session numbers the calls of one goroutine, so that each takes effect once, however often it is repeated.
type session struct {
	cluster  *cluster
	history  *history
	process  int
	id       uint64
	sequence uint64
}

func newSession(c *cluster, h *history) *session {
	s := &session{cluster: c, history: h, process: h.newProcess()}
	_, err := c.do(0, func(ctx context.Context, node pb.JobsClient, trailer grpc.CallOption) error {
		opened, err := node.OpenSession(ctx, &pb.OpenSessionRequest{}, trailer)
		s.id = opened.GetSession()
		return err
	})
	if err != nil {
		panic(err)
	}
	return s
}

// next is the number of a new call. One call after the other: all earlier ones have their outcome.
func (s *session) next() *pb.RequestId {
	s.sequence++
	return &pb.RequestId{Session: s.id, Sequence: s.sequence, AcknowledgedBelow: s.sequence}
}

// recorded calls, and returns whether there is a result.
func (s *session) recorded(function string, arguments object, wait time.Duration, try call, result func() interface{}) bool {
	s.history.record(s.process, "invoke", function, arguments)
	notApplied, err := s.cluster.do(wait, try)
	if err == nil {
		s.history.record(s.process, "ok", function, result())
		return true
	}
	fmt.Fprintln(os.Stderr, function, arguments, err)
	if notApplied {
		s.history.record(s.process, "fail", function, object{"error": err.Error()})
		return false
	}
	s.history.record(s.process, "info", function, object{"error": err.Error()})
	s.process = s.history.newProcess()
	return false
}

func nothing() interface{} { return nil }

func (s *session) produce(stopping <-chan struct{}) (added int) {
	for number := 1; ; number++ {
		select {
		case <-stopping:
			return added
		case <-time.After(addPause):
		}
		key := fmt.Sprintf("go-%d", number)
		data, _ := json.Marshal(object{"key": key})
		kept := uint32(keep)
		request := &pb.AddRequest{
			Queue: queue, Name: "job", Data: &pb.Payload{Data: &pb.Payload_Json{Json: string(data)}},
			Options: &pb.JobOptions{Attempts: 3, KeepCompleted: &kept, KeepFailed: &kept}, RequestId: s.next(),
		}
		arguments := object{"queue": queue, "key": key, "attemptsMax": 3, "keepCompleted": keep, "keepFailed": keep}
		var id string
		isAdded := s.recorded("add", arguments, 0, func(ctx context.Context, node pb.JobsClient, trailer grpc.CallOption) error {
			reply, err := node.Add(ctx, request, trailer)
			id = reply.GetId()
			return err
		}, func() interface{} { return object{"job": number64(id)} })
		if isAdded {
			added++
		}
	}
}

func number64(text string) int64 {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return number
}

func described(job *pb.ClaimedJob) object {
	described := object{"job": number64(job.Id), "token": job.Token, "attempt": job.Attempt, "isBegun": job.Begun, "stalls": job.Stalls}
	var data struct{ Key string }
	if json.Unmarshal([]byte(job.GetData().GetJson()), &data) == nil {
		described["key"] = data.Key
	}
	return described
}

func (s *session) work(draining <-chan struct{}) {
	stalls := uint32(stallMax)
	for {
		isDraining := false
		select {
		case <-draining:
			isDraining = true
		default:
		}
		request := &pb.ClaimRequest{Queue: queue, CountMax: claimMax, LeaseMs: leaseMs, WaitMs: waitMs, MaxStalledCount: &stalls, RequestId: s.next()}
		arguments := object{
			"queue": queue, "countMax": claimMax, "leaseMs": leaseMs, "waitMs": waitMs, "beginMax": claimMax, "stalledMax": stallMax, "holder": 0,
		}
		var jobs []*pb.ClaimedJob
		isDone := s.recorded("claim", arguments, waitMs*time.Millisecond, func(ctx context.Context, node pb.JobsClient, trailer grpc.CallOption) error {
			reply, err := node.Claim(ctx, request, trailer)
			jobs = reply.GetJobs()
			return err
		}, func() interface{} {
			claimed := []object{}
			for _, job := range jobs {
				claimed = append(claimed, described(job))
			}
			return object{"jobs": claimed}
		})
		if isDone && isDraining && len(jobs) == 0 {
			return
		}
		for _, job := range jobs {
			request := &pb.CompleteRequest{Queue: queue, Id: job.Id, Token: job.Token, RequestId: s.next()}
			arguments := object{"job": number64(job.Id), "token": job.Token}
			s.recorded("complete", arguments, 0, func(ctx context.Context, node pb.JobsClient, trailer grpc.CallOption) error {
				_, err := node.Complete(ctx, request, trailer)
				return err
			}, nothing)
		}
	}
}

// security is mutual TLS, if there are files of a certificate.
func security(files []string) grpc.DialOption {
	if len(files) == 0 {
		return grpc.WithInsecure()
	}
	ca, err := os.ReadFile(files[0])
	if err != nil {
		panic(err)
	}
	pair, err := tls.LoadX509KeyPair(files[1], files[2])
	if err != nil {
		panic(err)
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(ca)
	return grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: authorities}))
}

func main() {
	file, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	recorded := &history{out: bufio.NewWriter(file), started: time.Now()}
	nodes := &cluster{}
	reconnect := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, MaxDelay: 500 * time.Millisecond}}
	for _, endpoint := range strings.Split(os.Args[2], ",") {
		connection, err := grpc.Dial(endpoint, security(os.Args[3:]), grpc.WithConnectParams(reconnect))
		if err != nil {
			panic(err)
		}
		nodes.nodes = append(nodes.nodes, pb.NewJobsClient(connection))
	}
	stopping, draining := make(chan struct{}), make(chan struct{})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		close(stopping)
	}()
	producer := newSession(nodes, recorded)
	var workers sync.WaitGroup
	for started := 0; started < 2; started++ {
		worker := newSession(nodes, recorded)
		workers.Add(1)
		go func() {
			worker.work(draining)
			workers.Done()
		}()
	}
	fmt.Println("runs")
	added := producer.produce(stopping)
	close(draining)
	workers.Wait()
	if recorded.out.Flush() != nil || file.Close() != nil {
		panic("The history cannot be written.")
	}
	var counts *pb.Counts
	if _, err := nodes.do(0, func(ctx context.Context, node pb.JobsClient, trailer grpc.CallOption) (err error) {
		counts, err = node.GetCounts(ctx, &pb.QueueRequest{Queue: queue}, trailer)
		return err
	}); err != nil {
		panic(err)
	}
	summary, _ := json.Marshal(object{"added": added, "completed": counts.Completed, "left": counts.Waiting + counts.Active + counts.Delayed})
	fmt.Println(string(summary))
}
