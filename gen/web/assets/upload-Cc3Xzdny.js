<<<<<<<< HEAD:gen/web/assets/upload-C3bfKGzT.js
import{T as e}from"./vendor-gZwB4HoN.js";var t={name:`upload`,size:24,node:[[`path`,{d:`M12 3v12`,key:`1x0j5s`}],[`path`,{d:`m17 8-5-5-5 5`,key:`7q97r8`}],[`path`,{d:`M21 15v4a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-4`,key:`ih7n3h`}]]};t.node;var n=e(t);export{n as t};
========
import{T as e}from"./vendor-B8ksYut1.js";var t={name:`upload`,size:24,node:[[`path`,{d:`M12 3v12`,key:`1x0j5s`}],[`path`,{d:`m17 8-5-5-5 5`,key:`7q97r8`}],[`path`,{d:`M21 15v4a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-4`,key:`ih7n3h`}]]};t.node;var n=e(t);export{n as t};
>>>>>>>> d062e2b (The status of a video is told by its upload, too, and as a stream over RPC and as Server-Sent Events):gen/web/assets/upload-Cc3Xzdny.js
