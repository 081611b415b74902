// Training kernels of OSNet for processors with AMX and AVX512-BF16, on one thread.
//
// Activations are bfloat16 in memory order N, H, W, C. Sums are float32 within an image or block,
// float64 over the batch. PyTorch's own operators read and write every activation many times: a
// Lite 3x3 layer alone is four operators forward and five backward. Here each layer is one pass
// over its input, one over its output, and two backward; products are computed in AMX tiles.
//
// Each function is checked against PyTorch's float32 autograd in tests/train/fused/.

#include <immintrin.h>
#include <malloc.h>
#include <sys/syscall.h>
#include <torch/extension.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace {

using torch::Tensor;
using bf16 = uint16_t;

constexpr int kLanes = 16;      // float32 values of one register
constexpr int kTile = 32;       // a product makes 32 rows and 32 columns at once
constexpr int kBlockRows = 256; // rows of one block of a 1x1 convolution's gradient

// ---- memory and registers -----------------------------------------------------------------------

template <class T> struct Aligned {
  using value_type = T;
  Aligned() = default;
  template <class U> Aligned(const Aligned<U> &) {}
  T *allocate(size_t count) {
    return static_cast<T *>(aligned_alloc(64, (count * sizeof(T) + 63) / 64 * 64));
  }
  void deallocate(T *memory, size_t) { free(memory); }
  template <class U> bool operator==(const Aligned<U> &) const { return true; }
  template <class U> bool operator!=(const Aligned<U> &) const { return false; }
};
template <class T> using Buffer = std::vector<T, Aligned<T>>;

int padded(int count) { return (count + kTile - 1) / kTile * kTile; }

const bf16 *data(const Tensor &tensor) {
  return static_cast<const bf16 *>(tensor.const_data_ptr());
}
bf16 *data(Tensor &tensor) { return static_cast<bf16 *>(tensor.data_ptr()); }
const bf16 *data(const std::optional<Tensor> &tensor) { return tensor ? data(*tensor) : nullptr; }

// The lanes of a block of 16 channels that exist.
__mmask16 lanes(int64_t left) { return left >= kLanes ? 0xffff : (1u << left) - 1; }

__m512 widen(__m256i half) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
__m512 load(const bf16 *from, __mmask16 mask) {
  return widen(_mm256_maskz_loadu_epi16(mask, from));
}
__m256i narrow(__m512 values) { return (__m256i)_mm512_cvtneps_pbh(values); }
void store(bf16 *to, __m512 values, __mmask16 mask) {
  _mm256_mask_storeu_epi16(to, mask, narrow(values));
}
bf16 narrow(float value) {
  return static_cast<bf16>(_mm_extract_epi16((__m128i)_mm_cvtneps_pbh(_mm_set_ss(value)), 0));
}
// Two rows of 16 as pairs: the layout in which AMX takes the second factor.
__m512i pairs(__m256i even, __m256i odd) {
  return _mm512_or_si512(_mm512_cvtepu16_epi32(even),
                         _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
}

void add_to(double *sums, __m512 values, int64_t left) {
  alignas(64) float each[kLanes];
  _mm512_store_ps(each, values);
  for (int i = 0; i < std::min<int64_t>(kLanes, left); i++)
    sums[i] += each[i];
}

// Transposes 16 x 16 values of 32 bits.
void transpose(__m512i row[16]) {
  __m512i t[16];
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32(row[2 * i], row[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(row[2 * i], row[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    row[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    row[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    row[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    row[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(row[i], row[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(row[i], row[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(row[i + 8], row[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(row[i + 8], row[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; i++) {
    row[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    row[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    row[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    row[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

// ---- products in AMX tiles ----------------------------------------------------------------------

// Asks Linux for the tile registers; false where it or the processor refuses.
bool tiles_granted() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
}

// Configures all eight tiles as 16 rows of 64 bytes for the lifetime of the object.
class Tiles {
public:
  Tiles() {
    TORCH_CHECK(tiles_granted(), "this machine does not grant AMX tiles");
    struct alignas(64) {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t rows[16] = {};
    } config;
    for (int tile = 0; tile < 8; tile++)
      config.row_bytes[tile] = 64, config.rows[tile] = 16;
    _tile_loadconfig(&config);
  }
  ~Tiles() { _tile_release(); }
  Tiles(const Tiles &) = delete;
};

// The second factor, (inputs, outputs), as tiles: [outputs / 16][inputs / 2][16][2].
struct Weights {
  int inputs, outputs; // padded
  Buffer<bf16> packed;

  // `transposed`: the tensor is (inputs, outputs) instead of (outputs, inputs).
  Weights(const Tensor &tensor, int in, int out, bool transposed)
      : inputs(padded(in)), outputs(padded(out)), packed(size_t(inputs) * outputs, 0) {
    const float *values = tensor.const_data_ptr<float>();
    for (int o = 0; o < out; o++)
      for (int i = 0; i < in; i++)
        packed[(size_t(o / 16) * inputs + i / 2 * 2) * 16 + o % 16 * 2 + i % 2] =
            narrow(values[transposed ? size_t(i) * out + o : size_t(o) * in + i]);
  }
};

// Rows (32, weights.inputs) times weights; calls keep(channel, row, values) for each 16 channels.
template <class Keep>
void multiply(const bf16 *rows, int stride, const Weights &weights, const Keep &keep) {
  alignas(64) float product[4][256];
  for (int n = 0; n < weights.outputs; n += kTile) {
    const bf16 *left = weights.packed.data() + size_t(n) * weights.inputs;
    const bf16 *right = left + size_t(16) * weights.inputs;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int k = 0; k < weights.inputs; k += kTile) {
      _tile_loadd(4, rows + k, stride * 2);
      _tile_loadd(5, rows + size_t(16) * stride + k, stride * 2);
      _tile_loadd(6, left + k * 16, 64);
      _tile_loadd(7, right + k * 16, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, product[0], 64);
    _tile_stored(1, product[1], 64);
    _tile_stored(2, product[2], 64);
    _tile_stored(3, product[3], 64);
    for (int half = 0; half < 2; half++)
      for (int row = 0; row < kTile; row++)
        keep(n + 16 * half, row, _mm512_load_ps(product[row / 16 * 2 + half] + row % 16 * 16));
  }
}

// Rows that a product can read: 32 of them, with padded channels. Copies where memory has fewer.
class Rows {
public:
  explicit Rows(int channels)
      : channels_(channels), stride_(padded(channels)), copy_(size_t(kTile) * stride_, 0) {}

  const bf16 *at(const bf16 *from, int64_t left) {
    if (left >= kTile && stride_ == channels_) return from;
    for (int row = 0; row < kTile; row++) {
      bf16 *to = copy_.data() + size_t(row) * stride_;
      if (row < left)
        memcpy(to, from + size_t(row) * channels_, channels_ * sizeof(bf16));
      else
        memset(to, 0, channels_ * sizeof(bf16));
    }
    return copy_.data();
  }
  int stride() const { return stride_; }

private:
  int channels_, stride_;
  Buffer<bf16> copy_;
};

// The gradient of a weight matrix (outputs, inputs): the sum over rows of gradient^T input.
class WeightGradient {
public:
  WeightGradient(int inputs, int outputs, int most_rows)
      : in_(inputs), out_(outputs), most_(padded(most_rows)),
        sum_(size_t(padded(outputs)) * padded(inputs), 0.f),
        left_(size_t(padded(outputs)) * (most_ + kTile), 0),
        right_(size_t(padded(inputs)) * most_, 0) {}

  // gradient: (rows, stride), rows beyond the last up to a multiple of 32 are 0.
  void add(const bf16 *gradient, int stride, const bf16 *input, int rows) {
    const int all = padded(rows), turned = most_ + kTile;
    for (int c = 0; c < out_; c += kLanes)
      for (int p = 0; p < all; p += kTile) {
        __m512i row[16];
        for (int i = 0; i < 16; i++) {
          const bf16 *from = gradient + size_t(p + 2 * i) * stride + c;
          row[i] = pairs(_mm256_loadu_si256((const __m256i *)from),
                         _mm256_loadu_si256((const __m256i *)(from + stride)));
        }
        transpose(row);
        for (int i = 0; i < 16; i++)
          _mm512_storeu_si512(&left_[size_t(c + i) * turned + p], row[i]);
      }
    for (int c = 0; c < in_; c += kLanes) {
      const __mmask16 mask = lanes(in_ - c);
      for (int p = 0; p < all; p += 2) {
        const bf16 *from = input + size_t(p) * in_ + c;
        const __m256i zero = _mm256_setzero_si256();
        const __m256i even = p < rows ? _mm256_maskz_loadu_epi16(mask, from) : zero;
        const __m256i odd = p + 1 < rows ? _mm256_maskz_loadu_epi16(mask, from + in_) : zero;
        _mm512_storeu_si512(&right_[(size_t(c / 16) * (most_ / 2) + p / 2) * 32], pairs(even, odd));
      }
    }
    const int width = padded(in_);
    for (int o = 0; o < padded(out_); o += kTile)
      for (int i = 0; i < width; i += kTile) {
        float *sum = &sum_[size_t(o) * width + i], *below = sum + size_t(16) * width;
        _tile_loadd(0, sum, width * 4);
        _tile_loadd(1, sum + 16, width * 4);
        _tile_loadd(2, below, width * 4);
        _tile_loadd(3, below + 16, width * 4);
        for (int p = 0; p < all; p += kTile) {
          const bf16 *right = &right_[(size_t(i / 16) * (most_ / 2) + p / 2) * 32];
          _tile_loadd(4, &left_[size_t(o) * turned + p], turned * 2);
          _tile_loadd(5, &left_[size_t(o + 16) * turned + p], turned * 2);
          _tile_loadd(6, right, 64);
          _tile_loadd(7, right + size_t(most_) * 16, 64);
          _tile_dpbf16ps(0, 4, 6);
          _tile_dpbf16ps(1, 4, 7);
          _tile_dpbf16ps(2, 5, 6);
          _tile_dpbf16ps(3, 5, 7);
        }
        _tile_stored(0, sum, width * 4);
        _tile_stored(1, sum + 16, width * 4);
        _tile_stored(2, below, width * 4);
        _tile_stored(3, below + 16, width * 4);
      }
  }

  Tensor result() const {
    Tensor made = torch::empty({out_, in_});
    for (int o = 0; o < out_; o++)
      memcpy(made.data_ptr<float>() + size_t(o) * in_, &sum_[size_t(o) * padded(in_)],
             in_ * sizeof(float));
    return made;
  }

private:
  int in_, out_, most_;
  Buffer<float> sum_;
  Buffer<bf16> left_, right_;
};

// ---- batch norm ---------------------------------------------------------------------------------
//
// y = relu(scale z + shift + residual), and backward: g is dy where the ReLU let its input through,
// and dz = f0 g + f1 z + f2, where the factors f (3, C) follow from the sums of g and g z.

struct Channels { // what a block of 16 channels needs
  __mmask16 mask;
  __m512 scale, shift, f0, f1, f2;

  Channels(int64_t c, int64_t count, const Tensor &affine, const Tensor *factors = nullptr)
      : mask(lanes(count - c)) {
    const float *from = affine.const_data_ptr<float>() + c;
    scale = _mm512_maskz_loadu_ps(mask, from), shift = _mm512_maskz_loadu_ps(mask, from + count);
    if (factors == nullptr) return;
    from = factors->const_data_ptr<float>() + c;
    f0 = _mm512_maskz_loadu_ps(mask, from), f1 = _mm512_maskz_loadu_ps(mask, from + count);
    f2 = _mm512_maskz_loadu_ps(mask, from + 2 * count);
  }

  // dy where the ReLU let z through; `y`, the output, where a residual was added before the ReLU.
  __m512 passed(const bf16 *dy, __m512 z, const bf16 *y, bool relu) const {
    const __m512 gradient = load(dy, mask);
    if (!relu) return gradient;
    const __m512 output = y ? load(y, mask) : _mm512_fmadd_ps(z, scale, shift);
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(output, _mm512_setzero_ps(), _CMP_GT_OQ),
                               gradient);
  }
  __m512 gradient(__m512 g, __m512 z) const {
    return _mm512_fmadd_ps(f0, g, _mm512_fmadd_ps(f1, z, f2));
  }
};

// Sums of z and of its squares, (2, C) float64.
Tensor batch_sums(const Tensor &z, int64_t channels) {
  const bf16 *from = data(z);
  const int64_t rows = z.numel() / channels;
  Tensor made = torch::zeros({2, channels}, torch::kFloat64);
  double *sums = made.data_ptr<double>();
  for (int64_t first = 0; first < rows; first += kBlockRows)
    for (int64_t c = 0; c < channels; c += kLanes) {
      const __mmask16 mask = lanes(channels - c);
      __m512 sum = _mm512_setzero_ps(), squares = sum;
      for (int64_t row = first; row < std::min(rows, first + kBlockRows); row++) {
        const __m512 value = load(from + row * channels + c, mask);
        sum = _mm512_add_ps(sum, value), squares = _mm512_fmadd_ps(value, value, squares);
      }
      add_to(sums + c, sum, channels - c), add_to(sums + channels + c, squares, channels - c);
    }
  return made;
}

Tensor normalise(const Tensor &z, const Tensor &affine, const std::optional<Tensor> &residual,
                 bool relu, int64_t channels) {
  const int64_t rows = z.numel() / channels;
  Tensor made = torch::empty_like(z);
  const bf16 *from = data(z), *added = data(residual);
  bf16 *to = data(made);
  const __m512 least = relu ? _mm512_setzero_ps() : _mm512_set1_ps(-INFINITY);
  for (int64_t first = 0; first < rows; first += kBlockRows)
    for (int64_t c = 0; c < channels; c += kLanes) {
      const Channels at(c, channels, affine);
      for (int64_t row = first; row < std::min(rows, first + kBlockRows); row++) {
        const int64_t place = row * channels + c;
        __m512 value = _mm512_fmadd_ps(load(from + place, at.mask), at.scale, at.shift);
        if (added) value = _mm512_add_ps(value, load(added + place, at.mask));
        store(to + place, _mm512_max_ps(value, least), at.mask);
      }
    }
  return made;
}

// Sums of g and g z, (2, C) float64.
Tensor gradient_sums(const Tensor &dy, const Tensor &z, const Tensor &affine,
                     const std::optional<Tensor> &y, bool relu, int64_t channels) {
  const bf16 *dys = data(dy), *zs = data(z), *ys = data(y);
  const int64_t rows = z.numel() / channels;
  Tensor made = torch::zeros({2, channels}, torch::kFloat64);
  double *sums = made.data_ptr<double>();
  for (int64_t first = 0; first < rows; first += kBlockRows)
    for (int64_t c = 0; c < channels; c += kLanes) {
      const Channels at(c, channels, affine);
      __m512 sum = _mm512_setzero_ps(), products = sum;
      for (int64_t row = first; row < std::min(rows, first + kBlockRows); row++) {
        const int64_t place = row * channels + c;
        const __m512 value = load(zs + place, at.mask);
        const __m512 g = at.passed(dys + place, value, ys ? ys + place : nullptr, relu);
        sum = _mm512_add_ps(sum, g), products = _mm512_fmadd_ps(g, value, products);
      }
      add_to(sums + c, sum, channels - c), add_to(sums + channels + c, products, channels - c);
    }
  return made;
}

// dz of a batch norm with ReLU and without residual.
Tensor norm_backward(const Tensor &dy, const Tensor &z, const Tensor &affine, const Tensor &factors,
                     bool relu, int64_t channels) {
  const bf16 *dys = data(dy), *zs = data(z);
  const int64_t rows = z.numel() / channels;
  Tensor made = torch::empty_like(z);
  bf16 *to = data(made);
  for (int64_t first = 0; first < rows; first += kBlockRows)
    for (int64_t c = 0; c < channels; c += kLanes) {
      const Channels at(c, channels, affine, &factors);
      for (int64_t row = first; row < std::min(rows, first + kBlockRows); row++) {
        const int64_t place = row * channels + c;
        const __m512 value = load(zs + place, at.mask);
        const __m512 g = at.passed(dys + place, value, nullptr, relu);
        store(to + place, at.gradient(g, value), at.mask);
      }
    }
  return made;
}

// ---- 1x1 convolution with batch norm ------------------------------------------------------------

// z (rows, out) and the sums of `batch_sums`, of x (rows, in) and weight (out, in).
std::vector<Tensor> pointwise_forward(const Tensor &x, const Tensor &weight) {
  const int out = weight.size(0), in = weight.size(1);
  const int64_t rows = x.numel() / in;
  const Tiles tiles;
  const Weights weights(weight, in, out, false);
  Rows input(in);
  Tensor z = torch::empty({rows, out}, x.options());
  const bf16 *xs = data(x);
  bf16 *zs = data(z);
  Tensor made = torch::zeros({2, out}, torch::kFloat64);
  double *total = made.data_ptr<double>();
  Buffer<float> sums(2 * weights.outputs, 0.f);
  for (int64_t first = 0; first < rows; first += kTile) {
    const bf16 *from = input.at(xs + first * in, rows - first);
    multiply(from, input.stride(), weights, [&](int c, int row, __m512 values) {
      if (c >= out || first + row >= rows) return;
      const __m256i rounded = narrow(values);
      _mm256_mask_storeu_epi16(zs + (first + row) * out + c, lanes(out - c), rounded);
      const __m512 value = widen(rounded);
      float *sum = &sums[c], *squares = &sums[weights.outputs + c];
      _mm512_store_ps(sum, _mm512_add_ps(_mm512_load_ps(sum), value));
      _mm512_store_ps(squares, _mm512_fmadd_ps(value, value, _mm512_load_ps(squares)));
    });
    if ((first / kTile + 1) % 16 == 0 || first + kTile >= rows) { // before float32 loses digits
      for (int c = 0; c < out; c++)
        total[c] += sums[c], total[out + c] += sums[weights.outputs + c];
      std::fill(sums.begin(), sums.end(), 0.f);
    }
  }
  return {z, made};
}

// dx (rows, in), dweight (out, in) and, where y is given, g (rows, out), the residual's gradient.
std::vector<Tensor> pointwise_backward(const Tensor &dy, const Tensor &z, const Tensor &x,
                                       const Tensor &weight, const Tensor &affine,
                                       const Tensor &factors, const std::optional<Tensor> &y,
                                       bool relu) {
  const bf16 *dys = data(dy), *zs = data(z), *xs = data(x), *ys = data(y);
  const int out = weight.size(0), in = weight.size(1);
  const int64_t rows = x.numel() / in;
  const Tiles tiles;
  const Weights weights(weight, out, in, true);
  const int stride = weights.inputs;
  WeightGradient gradient(in, out, kBlockRows);
  Buffer<bf16> dz(size_t(kBlockRows) * stride, 0);
  Tensor dx = torch::empty({rows, in}, x.options());
  Tensor residual = y ? torch::empty({rows, out}, x.options()) : Tensor();
  bf16 *dxs = data(dx), *gs = y ? data(residual) : nullptr;
  for (int64_t first = 0; first < rows; first += kBlockRows) {
    const int count = std::min<int64_t>(kBlockRows, rows - first);
    for (int c = 0; c < out; c += kLanes) {
      const Channels at(c, out, affine, &factors);
      for (int row = 0; row < count; row++) {
        const int64_t place = (first + row) * out + c;
        const __m512 value = load(zs + place, at.mask);
        const __m512 g = at.passed(dys + place, value, ys ? ys + place : nullptr, relu);
        if (gs) store(gs + place, g, at.mask);
        store(&dz[size_t(row) * stride + c], at.gradient(g, value), at.mask);
      }
      for (int row = count; row < padded(count); row++)
        store(&dz[size_t(row) * stride + c], _mm512_setzero_ps(), 0xffff);
    }
    for (int part = 0; part < count; part += kTile)
      multiply(&dz[size_t(part) * stride], stride, weights, [&](int c, int row, __m512 values) {
        if (c >= in || part + row >= count) return;
        store(dxs + (first + part + row) * in + c, values, lanes(in - c));
      });
    gradient.add(dz.data(), stride, xs + first * in, count);
  }
  if (y) return {dx, gradient.result(), residual};
  return {dx, gradient.result()};
}

// ---- Lite 3x3: 1x1 convolution, then depthwise 3x3 ----------------------------------------------

// One image of 16 channels as float32 with a border of zeros, so that a 3x3 window needs no check.
class Planes {
public:
  Planes(int channels, int height, int width)
      : row_(size_t(width + 2) * kLanes), size_(row_ * (height + 2)), places_(height * width),
        values_(size_ * ((channels + kLanes - 1) / kLanes), 0.f) {
    for (int p = 0; p < height * width; p++)
      places_[p] = (p / width + 1) * row_ + (p % width + 1) * kLanes;
  }
  float *pixel(int c, int p) { return &values_[c / kLanes * size_ + places_[p]]; }
  // Top left corner of the window about the first pixel of a line.
  const float *window(int c, int line) const { return &values_[c / kLanes * size_ + line * row_]; }
  size_t row() const { return row_; }

private:
  size_t row_, size_;
  std::vector<size_t> places_; // of pixels; a division for each would take longer than the rest
  Buffer<float> values_;
};

// The depthwise weights (C, 9) as [9][C padded].
struct Depthwise {
  int stride;
  Buffer<float> values;
  Depthwise(const Tensor &weight, int channels)
      : stride(padded(channels)), values(size_t(9) * stride, 0.f) {
    for (int c = 0; c < channels; c++)
      for (int k = 0; k < 9; k++)
        values[size_t(k) * stride + c] = weight.const_data_ptr<float>()[c * 9 + k];
  }
  // The nine weights of 16 channels, `turned` by half a turn for the way back.
  void take(int c, bool turned, __m512 weights[9]) const {
    for (int k = 0; k < 9; k++)
      weights[k] = _mm512_load_ps(&values[size_t(turned ? 8 - k : k) * stride + c]);
  }
};

// Weighted sum of a 3x3 window; three chains, so that additions do not wait for each other.
__m512 window_sum(const float *corner, size_t row, const __m512 weights[9]) {
  __m512 line[3];
  for (int y = 0; y < 3; y++) {
    const float *at = corner + y * row;
    line[y] = _mm512_mul_ps(weights[3 * y], _mm512_load_ps(at));
    line[y] = _mm512_fmadd_ps(weights[3 * y + 1], _mm512_load_ps(at + 16), line[y]);
    line[y] = _mm512_fmadd_ps(weights[3 * y + 2], _mm512_load_ps(at + 32), line[y]);
  }
  return _mm512_add_ps(_mm512_add_ps(line[0], line[1]), line[2]);
}

// The 1x1 convolution of one image, into planes.
void pointwise_planes(const bf16 *image, int pixels, int channels, const Weights &weights,
                      Rows &input, Planes &planes) {
  for (int part = 0; part < pixels; part += kTile)
    multiply(input.at(image + size_t(part) * channels, pixels - part), input.stride(), weights,
             [&](int c, int row, __m512 values) {
               if (c >= channels || part + row >= pixels) return;
               _mm512_store_ps(planes.pixel(c, part + row), values);
             });
}

// z and the sums of `batch_sums`, of x (N, H, W, C), pointwise (C, C) and depthwise (C, 9).
std::vector<Tensor> lite_forward(const Tensor &x, const Tensor &pointwise, const Tensor &depthwise,
                                 int64_t images, int64_t height, int64_t width) {
  const int channels = pointwise.size(0), pixels = height * width;
  const Tiles tiles;
  const Weights weights(pointwise, channels, channels, false);
  const Depthwise filter(depthwise, channels);
  Rows input(channels);
  Planes planes(channels, height, width);
  Tensor z = torch::empty_like(x);
  const bf16 *xs = data(x);
  bf16 *zs = data(z);
  Tensor made = torch::zeros({2, channels}, torch::kFloat64);
  double *sums = made.data_ptr<double>();
  for (int64_t n = 0; n < images; n++) {
    pointwise_planes(xs + n * pixels * channels, pixels, channels, weights, input, planes);
    for (int c = 0; c < channels; c += kLanes) {
      const __mmask16 mask = lanes(channels - c);
      __m512 nine[9], sum = _mm512_setzero_ps(), squares = sum;
      filter.take(c, false, nine);
      for (int line = 0; line < height; line++) {
        const float *window = planes.window(c, line);
        bf16 *to = zs + (n * pixels + line * width) * channels + c;
        for (int column = 0; column < width; column++) {
          const __m256i rounded = narrow(window_sum(window + column * 16, planes.row(), nine));
          _mm256_mask_storeu_epi16(to + column * channels, mask, rounded);
          const __m512 value = widen(rounded);
          sum = _mm512_add_ps(sum, value), squares = _mm512_fmadd_ps(value, value, squares);
        }
      }
      add_to(sums + c, sum, channels - c), add_to(sums + channels + c, squares, channels - c);
    }
  }
  return {z, made};
}

// dx, dpointwise and ddepthwise. The input of the depthwise convolution is computed anew.
std::vector<Tensor> lite_backward(const Tensor &dy, const Tensor &z, const Tensor &x,
                                  const Tensor &pointwise, const Tensor &depthwise,
                                  const Tensor &affine, const Tensor &factors, int64_t images,
                                  int64_t height, int64_t width) {
  const bf16 *dys = data(dy), *zs = data(z), *xs = data(x);
  const int channels = pointwise.size(0), pixels = height * width;
  const Tiles tiles;
  const Weights weights(pointwise, channels, channels, false);
  const Weights back(pointwise, channels, channels, true);
  const Depthwise filter(depthwise, channels);
  const int stride = back.inputs;
  Rows input(channels);
  Planes inner(channels, height, width), gradient(channels, height, width);
  WeightGradient dpointwise(channels, channels, pixels);
  Buffer<float> ddepthwise(size_t(9) * stride, 0.f);
  Buffer<bf16> dinner(size_t(padded(pixels)) * stride, 0);
  Tensor dx = torch::empty_like(x);
  bf16 *dxs = data(dx);
  for (int64_t n = 0; n < images; n++) {
    const int64_t image = n * pixels * channels;
    pointwise_planes(xs + image, pixels, channels, weights, input, inner);
    for (int c = 0; c < channels; c += kLanes) {
      const Channels at(c, channels, affine, &factors);
      for (int p = 0; p < pixels; p++) {
        const int64_t place = image + int64_t(p) * channels + c;
        const __m512 value = load(zs + place, at.mask);
        const __m512 g = at.passed(dys + place, value, nullptr, true);
        _mm512_store_ps(gradient.pixel(c, p), at.gradient(g, value));
      }
      __m512 nine[9], sums[9];
      for (int k = 0; k < 9; k++)
        sums[k] = _mm512_load_ps(&ddepthwise[size_t(k) * stride + c]);
      for (int line = 0; line < height; line++) {
        const float *window = inner.window(c, line), *g = gradient.pixel(c, line * width);
        for (int column = 0; column < width; column++) {
          const __m512 value = _mm512_load_ps(g + column * 16);
          for (int k = 0; k < 9; k++) {
            const float *from = window + k / 3 * inner.row() + (column + k % 3) * 16;
            sums[k] = _mm512_fmadd_ps(value, _mm512_load_ps(from), sums[k]);
          }
        }
      }
      for (int k = 0; k < 9; k++)
        _mm512_store_ps(&ddepthwise[size_t(k) * stride + c], sums[k]);
      filter.take(c, true, nine);
      for (int line = 0; line < height; line++) {
        const float *window = gradient.window(c, line);
        for (int column = 0; column < width; column++)
          store(&dinner[size_t(line * width + column) * stride + c],
                window_sum(window + column * 16, gradient.row(), nine), at.mask);
      }
    }
    for (int part = 0; part < pixels; part += kTile)
      multiply(&dinner[size_t(part) * stride], stride, back, [&](int c, int row, __m512 values) {
        if (c >= channels || part + row >= pixels) return;
        store(dxs + image + int64_t(part + row) * channels + c, values, lanes(channels - c));
      });
    dpointwise.add(dinner.data(), stride, xs + image, pixels);
  }
  Tensor nine = torch::empty({channels, 9});
  for (int c = 0; c < channels; c++)
    for (int k = 0; k < 9; k++)
      nine.data_ptr<float>()[c * 9 + k] = ddepthwise[size_t(k) * stride + c];
  return {dx, dpointwise.result(), nine};
}

// ---- the unified gate ---------------------------------------------------------------------------
//
// Streams are T tensors of (N, pixels, C), gates (T, N, C) float32: y = sum over t of gate_t x_t.

constexpr size_t kMostStreams = 8;

// For each stream, image and channel: the sum over pixels of x, or of x dy. (T, N, C) float32.
Tensor pixel_sums(const std::vector<Tensor> &streams, const std::optional<Tensor> &dy,
                  int64_t images, int64_t channels) {
  const bf16 *dys = data(dy);
  const int64_t pixels = streams[0].numel() / images / channels;
  Tensor made = torch::empty({int64_t(streams.size()), images, channels});
  float *to = made.data_ptr<float>();
  for (const Tensor &stream : streams) {
    const bf16 *xs = data(stream);
    for (int64_t n = 0; n < images; n++, to += channels)
      for (int64_t c = 0; c < channels; c += kLanes) {
        const __mmask16 mask = lanes(channels - c);
        __m512 sum = _mm512_setzero_ps();
        for (int64_t p = 0; p < pixels; p++) {
          const int64_t place = (n * pixels + p) * channels + c;
          const __m512 value = load(xs + place, mask);
          sum = dys ? _mm512_fmadd_ps(value, load(dys + place, mask), sum)
                    : _mm512_add_ps(value, sum);
        }
        _mm512_mask_storeu_ps(to + c, mask, sum);
      }
  }
  return made;
}

Tensor gated_sum(const std::vector<Tensor> &streams, const Tensor &gates) {
  TORCH_CHECK(streams.size() <= kMostStreams, "at most 8 streams");
  const int64_t images = gates.size(1), channels = gates.size(2), count = streams.size();
  const int64_t pixels = streams[0].numel() / images / channels;
  Tensor made = torch::empty_like(streams[0]);
  bf16 *to = data(made);
  const bf16 *xs[kMostStreams];
  for (int64_t t = 0; t < count; t++)
    xs[t] = data(streams[t]);
  for (int64_t n = 0; n < images; n++)
    for (int64_t c = 0; c < channels; c += kLanes) {
      const __mmask16 mask = lanes(channels - c);
      __m512 gate[kMostStreams];
      for (int64_t t = 0; t < count; t++)
        gate[t] = _mm512_maskz_loadu_ps(mask, gates.const_data_ptr<float>() +
                                                  (t * images + n) * channels + c);
      for (int64_t p = 0; p < pixels; p++) {
        const int64_t place = (n * pixels + p) * channels + c;
        __m512 sum = _mm512_setzero_ps();
        for (int64_t t = 0; t < count; t++)
          sum = _mm512_fmadd_ps(gate[t], load(xs[t] + place, mask), sum);
        store(to + place, sum, mask);
      }
    }
  return made;
}

// dx_t = gate_t dy + added_t, where `added` (T, N, C) comes back through the gate's own input.
std::vector<Tensor> gate_backward(const Tensor &dy, const Tensor &gates, const Tensor &added) {
  const bf16 *dys = data(dy);
  const int64_t count = gates.size(0), images = gates.size(1), channels = gates.size(2);
  TORCH_CHECK(size_t(count) <= kMostStreams, "at most 8 streams");
  const int64_t pixels = dy.numel() / images / channels;
  std::vector<Tensor> made;
  bf16 *to[kMostStreams];
  for (int64_t t = 0; t < count; t++) {
    made.push_back(torch::empty_like(dy));
    to[t] = data(made.back());
  }
  for (int64_t n = 0; n < images; n++)
    for (int64_t c = 0; c < channels; c += kLanes) {
      const __mmask16 mask = lanes(channels - c);
      __m512 gate[kMostStreams], more[kMostStreams];
      for (int64_t t = 0; t < count; t++) {
        const int64_t place = (t * images + n) * channels + c;
        gate[t] = _mm512_maskz_loadu_ps(mask, gates.const_data_ptr<float>() + place);
        more[t] = _mm512_maskz_loadu_ps(mask, added.const_data_ptr<float>() + place);
      }
      for (int64_t p = 0; p < pixels; p++) {
        const int64_t place = (n * pixels + p) * channels + c;
        const __m512 gradient = load(dys + place, mask);
        for (int64_t t = 0; t < count; t++)
          store(to[t] + place, _mm512_fmadd_ps(gate[t], gradient, more[t]), mask);
      }
    }
  return made;
}

// Keeps freed memory in the process. By default glibc returns large arrays to Linux at once, which
// clears each page of the next ones: a sixth of a training step.
void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 256 << 20);
}

} // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  module.def("tiles_granted", &tiles_granted);
  module.def("keep_freed_memory", &keep_freed_memory);
  module.def("batch_sums", &batch_sums);
  module.def("normalise", &normalise);
  module.def("gradient_sums", &gradient_sums);
  module.def("norm_backward", &norm_backward);
  module.def("pointwise_forward", &pointwise_forward);
  module.def("pointwise_backward", &pointwise_backward);
  module.def("lite_forward", &lite_forward);
  module.def("lite_backward", &lite_backward);
  module.def("pixel_sums", &pixel_sums);
  module.def("gated_sum", &gated_sum);
  module.def("gate_backward", &gate_backward);
}
