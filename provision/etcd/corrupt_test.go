package etcd

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"provision/test/corrupt"
	"provision/test/faults"
)

// raw sends bytes as they are, whatever a request says.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) {
	if text, ok := v.(*[]byte); ok {
		return *text, nil
	}
	return nil, fmt.Errorf("%T is not raw", v)
}
func (raw) Unmarshal([]byte, any) error { return nil }
func (raw) Name() string                { return "proto" }

// answering is an etcd that says the same to each request of a kind.
type answering struct{ status, list atomic.Pointer[[]byte] }

func (a *answering) serve(t *testing.T) *Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		if err := stream.RecvMsg(new([]byte)); err != nil {
			return err
		}
		if strings.HasSuffix(method, "/Status") {
			return stream.SendMsg(a.status.Load())
		}
		return stream.SendMsg(a.list.Load())
	}))
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	client, err := New(Options{Endpoints: []string{"http://" + listener.Addr().String()},
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, listener.Addr().String())
		}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func encoded(t *testing.T, message proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(message)
	require.NoError(t, err)
	return data
}

// Members that answer without a header, or damaged, are errors or not healthy:
// never a leader that is none.
func TestDamagedAnswersOfEtcd(t *testing.T) {
	status := encoded(t, &etcdserverpb.StatusResponse{Header: &etcdserverpb.ResponseHeader{ClusterId: 7, MemberId: 9}, Version: "3.7.3", Leader: 9,
		RaftAppliedIndex: 40, DbSize: 4096, DbSizeInUse: 1024, Errors: []string{"memberID:9 alarm:NOSPACE "}})
	list := encoded(t, &etcdserverpb.MemberListResponse{Header: &etcdserverpb.ResponseHeader{ClusterId: 7},
		Members: []*etcdserverpb.Member{{ID: 9, Name: "m1", PeerURLs: []string{"https://10.0.0.1:2380"}, ClientURLs: []string{"http://10.0.0.1:2379"}}}})
	var etcd answering
	etcd.status.Store(&status)
	etcd.list.Store(&list)
	client := etcd.serve(t)
	look := func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		found, err := client.Status(ctx)
		for _, one := range found {
			assert.False(t, one.Leader && one.ID == 0 && one.Index == 0 && one.Version == "", "nothing is known of this leader")
			assert.False(t, one.Healthy && one.Reason != "")
		}
		ids := client.ClusterIDs(ctx)
		assert.LessOrEqual(t, len(ids), 1)
		return err == nil && len(found) > 0 && !strings.Contains(found[0].Reason, "grpc")
	}
	require.True(t, look())

	empty := []byte{}
	etcd.status.Store(&empty)
	bare, err := client.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, bare, 1)
	assert.False(t, bare[0].Leader, "without a header there is no leader")
	assert.False(t, bare[0].Healthy)
	assert.Empty(t, client.ClusterIDs(t.Context()), "and no cluster")
	etcd.list.Store(&empty)
	_, err = client.AddLearner(t.Context(), []string{"https://10.0.0.2:2380"})
	require.ErrorContains(t, err, "not which")
	etcd.list.Store(&list)

	statuses := corrupt.FeedN(t, 1, corrupt.Many/4, func(in []byte) bool { etcd.status.Store(&in); return look() }, status)
	etcd.status.Store(&status)
	lists := corrupt.FeedN(t, 2, corrupt.Many/4, func(in []byte) bool { etcd.list.Store(&in); return look() }, list)
	faults.Record(t, "corrupt-etcd-answers", "damaged answers of etcd members are errors or are read as they are; a member without a header is not leader and not healthy", "answers to status and member list, damaged",
		"%d inputs, none ended the program", statuses.Inputs+lists.Inputs)
}
