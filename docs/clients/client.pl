use strict;
use warnings;
use IO::Socket::UNIX;
use JSON::PP;

my $folder = $ENV{SABIR_DIR} // "$ENV{XDG_RUNTIME_DIR}/sabir";
my $peer = IO::Socket::UNIX->new("$folder/lounge.sock") or die "nobody is there: $!\n";
my ($json, $last) = (JSON::PP->new->utf8, 0);
binmode STDOUT, ':utf8';

sub call {    # returns the result, or the first item
    my ($method, $params, %more) = @_;
    my $id = ++$last;
    print $peer $json->encode({id => $id, method => $method, params => $params, %more}), "\n";
    while (my $line = <$peer>) {
        my $m = $json->decode($line);
        return $m->{params}{value} if ($m->{method} // '') eq 'rpc.item' && $m->{params}{id} == $id;
        next if $m->{method} || ($m->{id} // '') ne $id;
        die "$m->{error}{data}{name}: $m->{error}{message}\n" if $m->{error};
        return $m->{result};
    }
    die "the service ended the connection\n";
}

my $name = shift;
print call('lounge.join', {room => 'dev', name => $name})->{members}, "\n";
my $message = call('lounge.message', {room => 'dev'}, window => 0, since => {epoch => '', seq => 0});
print "$message->{name}: $message->{text}\n";
call('lounge.say', {room => 'attic', name => $name, text => 'hello'});
