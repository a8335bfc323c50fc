import java.io.*;
import java.net.*;
import java.nio.channels.*;
import java.nio.charset.StandardCharsets;
import java.util.regex.*;

class Client { // Java reads no JSON by itself: these are the patterns of what is asked for
    static BufferedReader in;
    static Writer out;
    static int last;

    static String call(String method, String params, String more) throws IOException { // the line of the result or the first item
        out.write("{\"id\":" + ++last + ",\"method\":\"" + method + "\",\"params\":" + params + more + "}\n");
        out.flush();
        for (String line; (line = in.readLine()) != null;) {
            if (line.startsWith("{\"method\":\"rpc.item\",\"params\":{\"id\":" + last + ",")) return line;
            if (!line.startsWith("{\"id\":" + last + ",")) continue;
            if (!line.contains(",\"error\":{")) return line;
            System.err.println(text(line.substring(line.indexOf("\"data\":")), "name") + ": " + text(line, "message"));
            System.exit(1);
        }
        throw new EOFException("the service ended the connection");
    }

    static String text(String line, String key) {
        Matcher m = Pattern.compile("\"" + key + "\":(\"(?:[^\"\\\\]|\\\\.)*\"|[^,}\\]]*)").matcher(line);
        return m.find() ? m.group(1).replaceAll("^\"|\"$", "").replaceAll("\\\\([\"\\\\/])", "$1") : "";
    }

    public static void main(String[] args) throws Exception {
        var peer = SocketChannel.open(UnixDomainSocketAddress.of(System.getenv("SABIR_DIR") + "/lounge.sock"));
        in = new BufferedReader(Channels.newReader(peer, StandardCharsets.UTF_8));
        out = Channels.newWriter(peer, StandardCharsets.UTF_8);
        System.out.println(text(call("lounge.join", "{\"room\":\"dev\",\"name\":\"" + args[0] + "\"}", ""), "members"));
        String message = call("lounge.message", "{\"room\":\"dev\"}", ",\"window\":0,\"since\":{\"epoch\":\"\",\"seq\":0}");
        System.out.println(text(message, "name") + ": " + text(message, "text"));
        call("lounge.say", "{\"room\":\"attic\",\"name\":\"" + args[0] + "\",\"text\":\"hello\"}", "");
    }
}
